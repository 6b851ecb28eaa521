"""For gunicorn and other servers; README.md has the command."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samples.django_desk.settings")

application = get_wsgi_application()
