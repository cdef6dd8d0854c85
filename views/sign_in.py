"""Signing in and out, and one-time links to choose a password."""

import json
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Blueprint, Flask, Response, current_app, flash, redirect, render_template, request, session, url_for
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import DataRequired, EqualTo, Length

from customerhub import clock, history
from customerhub.config import Settings
from customerhub.errors import HubError, Invalid, NotAllowed, WrongState
from customerhub.permissions import Actor
from customerhub.users import passwords
from customerhub.users import sign_in as signing
from customerhub.users.links import PATH, OneTimeLinks
from jobs import mail
from models import User
from models.base import db
from models.sqlite import only_reading
from views import actor, limits, reading
from views.errors import answer
from views.frame import home_url
from views.limits import limited

DEMO_LOGINS = "demo_logins.json"
EVEN_SECONDS = 0.3  # how long asking for a link takes, so that it does not tell whether there is an account
LONGEST_NEXT = 2000

assert mail.announce  # the jobs must be there to be told of new mails
