"""The app."""

from __future__ import annotations

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """The desk, its log and its command."""

    name = "samples.django_desk.desk"
    label = "desk"
    verbose_name = "Voice desk"
