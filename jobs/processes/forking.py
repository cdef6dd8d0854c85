"""Processes forked from this one: they share its memory and have everything imported already."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from setproctitle import setproctitle

from jobs.processes.parent_death import die_with_parent


def fork_process(
    run: Callable[[], int],
    *,
    title: str,
    output: int,
    environment: Mapping[str, str],
    descriptors: Collection[int],
) -> int:
    """The number of a new process that calls `run` and ends with what it returns, or at the latest with this one.

    `ps` lists it as `title`. It prints to the descriptor `output`, has no other files open but `descriptors`, and a
    session of its own, so that a Ctrl-C in the terminal does not reach it. Whoever calls this has neither threads nor
    open connections, which two processes would use at once.
    """
    parent = os.getpid()
    number = os.fork()
    if number == 0:
        code = 1
        try:
            die_with_parent(parent)
            _detach(output, descriptors)
            os.environ.update(environment)
            setproctitle(f"customer-hub: {title}")
            code = run()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return number


def build_execution(command: Sequence[str]) -> Callable[[], int]:
    """What runs another program in the process, instead of a function of this one."""
    return partial(_execute, command)


def _execute(command: Sequence[str]) -> NoReturn:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores, and others expect
    os.execvp(command[0], list(command))  # noqa: S606  # its words are ours


def _detach(output: int, descriptors: Collection[int]) -> None:
    """Leave the parent's session, signals and files."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        if signal.getsignal(each) != signal.SIG_IGN:  # hanging up is ignored under nohup
            signal.signal(each, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number in descriptors:
            os.set_inheritable(number, True)
        elif number > sys.stderr.fileno():
            with suppress(OSError):  # that of the folder that was listed
                os.close(number)
