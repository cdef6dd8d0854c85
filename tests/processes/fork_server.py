"""Runs programs of the hub in processes forked from this one, which has imported the hub: two seconds less for each.

`python -m tests.processes.fork_server NUMBER` takes requests from the socket with that number: the words of a command
that begins with -m, its environment, and the files that it reads, prints to and answers to. A process in between,
the keeper, answers with its own number and the program's, and in the end with the program's exit code. It stays the
parent of all that the program leaves behind, for as long as there is any of it.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from dataclasses import dataclass

from setproctitle import setproctitle

from jobs.processes.parent_death import die_with_parent

MODULES = ("app", "flask.cli", "flask_migrate.cli", "jobs.processes.worker", "gunicorn.app.wsgiapp", "valkey")
LONGEST_REQUEST = 200_000
_PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Request:
    words: list[str]
    environment: dict[str, str]
    files: list[int]  # standard input, output and error
    answers: socket.socket


def serve_requests(requests: socket.socket) -> list[str] | None:
    """In the server: nothing, once nobody asks any more. In each program: its words."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what becomes of the keepers does not matter
    parent = os.getpid()
    while request := receive_request(requests):
        if os.fork() == 0:
            requests.close()
            die_with_parent(parent)
            return keep_program(request)
        for number in (*request.files, request.answers.detach()):
            os.close(number)
    return None


def receive_request(requests: socket.socket) -> Request | None:
    message, files, _flags, _address = socket.recv_fds(requests, LONGEST_REQUEST, 4)
    if not message:
        return None
    *standard_files, answers = files
    return Request(**json.loads(message), files=standard_files, answers=socket.socket(fileno=answers))


def keep_program(request: Request) -> list[str]:
    """Returns in the program alone."""
    keeper = os.getpid()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    number = os.fork()
    if number == 0:
        die_with_parent(keeper)
        return prepare_program(request)
    for each in request.files:
        os.close(each)
    request.answers.send(f"{keeper} {number}".encode())
    while True:
        try:
            ended, status = os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(0)
        if ended == number:
            request.answers.send(str(os.waitstatus_to_exitcode(status)).encode())


def prepare_program(request: Request) -> list[str]:
    """Make this process what a program finds that was started by itself."""
    os.setsid()
    for standard_number, each in enumerate(request.files):
        os.dup2(each, standard_number)
    request.answers.detach()
    os.closerange(3, 100)
    os.environ.clear()
    os.environ.update(request.environment)
    setproctitle(" ".join(["python", *request.words]))
    return request.words


def run_program(words: list[str]) -> None:
    _, module, *arguments = words
    sys.argv = [module, *arguments]
    sys.modules.pop(module, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    program = serve_requests(socket.socket(fileno=int(sys.argv[1])))
    if program:
        run_program(program)
