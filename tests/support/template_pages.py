"""Notification templates and their form."""

import models
from customerhub.core import clock
from models.base import db
from models.enums import TemplatePurpose
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations, own_organisation

REVIEW, COMPLIANCE = TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE


def save_template(organisations: TwoOrganisations, **values: object) -> models.NotificationTemplate:
    template = make.NotificationTemplateFactory(organisation=own_organisation(organisations), **values)
    db.session.commit()
    return template


def organisation_today(organisations: TwoOrganisations):
    return clock.get_today(own_organisation(organisations).timezone)


def template_form(
    subject: str = "S", body: str = "B", purpose: TemplatePurpose = REVIEW, **more: object
) -> dict[str, object]:
    return {"purpose": purpose.value, "subject": subject, "body": body, **more}
