"""Where what is: the desk at the root, and the log in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("samples.django_desk.desk.urls")),
    *staticfiles_urlpatterns(),  # with DJANGO_DEBUG=1 only; else the web server in front has them
]
