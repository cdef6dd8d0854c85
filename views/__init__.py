"""What staff, partners and customers see."""

from flask import Flask

from views import admin
from views.customers import quick_search, search
from views.framework import export_choice, layout, list_preferences, saved_views
from views.http import error_pages, form_tokens, health, security, static_files
from views.notifications import mail_check
from views.partner import customers as partner_customers
from views.portal import home as portal_home
from views.setup import form_layouts, overview
from views.signing import webhook
from views.system import files, home, jobs, palette, work
from views.users import profile, sign_in

# The order is the order of their before_request hooks.
PARTS = (
    health.register,
    security.register,
    static_files.register,
    webhook.register,
    sign_in.register,
    error_pages.register,
    profile.register,
    layout.register,
    form_tokens.register,
    home.register,
    work.register,
    search.register,
    quick_search.register,
    palette.register,
    overview.register,
    form_layouts.register,
    list_preferences.register,
    saved_views.register,
    export_choice.register,
    files.register,
    partner_customers.register,
    portal_home.register,
    jobs.register,
    mail_check.register,
    admin.register,
)


def register(app: Flask) -> None:
    """Put every screen on `app`."""
    for register_part in PARTS:
        register_part(app)
