"""The files that a decision rests on, such as the report of a credit check."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.approvals.tasks import clean_comment
from customerhub.core.database import save_changes
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from models import ApprovalTask, StoredFile, TaskFile
from models.base import column_length, db


def attach_file(task: ApprovalTask, file: StoredFile, *, note: str | None = None, actor: Actor) -> TaskFile:
    """Keep a stored file with a task, open or decided, with who attached it and when."""
    require_permission(actor, Permission.TASKS_WORK)
    require_access(actor, task)
    require_access(actor, file)
    attached = TaskFile(
        organisation_id=task.organisation_id,
        task_id=task.id,
        file=file,
        file_id=file.id,
        user_id=actor.id,
        note=clean_comment(note, "note", longest=column_length(TaskFile.note), lines=False),
    )
    with save_changes():
        db.session.add(attached)
    return attached


def list_files(task: ApprovalTask) -> list[TaskFile]:
    """What is attached to a task, the oldest first."""
    query = select(TaskFile).where(TaskFile.task_id == task.id).order_by(TaskFile.id)
    return list(db.session.scalars(query.options(joinedload(TaskFile.file), joinedload(TaskFile.user))))
