"""The signing sandbox as a process of its own, with or without a hub that uses it."""

from tests.customerhub.signing.conftest import approval_org, sandbox, sandbox_process, signing_org
from tests.support.services import replace_services

__all__ = ["approval_org", "replace_services", "sandbox", "sandbox_process", "signing_org"]  # fixtures made elsewhere
