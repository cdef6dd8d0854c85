"""used forms, ended sessions; no one-time link in a subject"""

import re

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

LINK = re.compile(r'/set-password/[\w.%~-]+')


def upgrade() -> None:
    op.create_table('ended_session',
    sa.Column('mark', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('mark', name=op.f('pk_ended_session'))
    )
    with op.batch_alter_table('ended_session', schema=None) as batch_op:
        batch_op.create_index('ix_ended_session_created_at', ['created_at'], unique=False)

    op.create_table('used_form',
    sa.Column('token', sa.String(length=64), nullable=False),
    sa.Column('content', sa.String(length=64), nullable=False),
    sa.Column('led_to', sa.String(length=500), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('token', name=op.f('pk_used_form'))
    )
    with op.batch_alter_table('used_form', schema=None) as batch_op:
        batch_op.create_index('ix_used_form_created_at', ['created_at'], unique=False)

    hide_links_in_subjects()


def hide_links_in_subjects() -> None:
    """Templates could put a one-time link into a subject, which lists, searches and exports show."""
    messages = sa.table('outbox_message', sa.column('id', sa.BigInteger()), sa.column('subject', sa.String()))
    connection = op.get_bind()
    found = connection.execute(
        sa.select(messages.c.id, messages.c.subject).where(messages.c.subject.contains('/set-password/'))
    ).all()
    for key, subject in found:
        hidden = LINK.sub('/set-password/used-up', subject)[:250]
        connection.execute(messages.update().where(messages.c.id == key).values(subject=hidden))


def downgrade() -> None:
    with op.batch_alter_table('used_form', schema=None) as batch_op:
        batch_op.drop_index('ix_used_form_created_at')

    op.drop_table('used_form')
    with op.batch_alter_table('ended_session', schema=None) as batch_op:
        batch_op.drop_index('ix_ended_session_created_at')

    op.drop_table('ended_session')
