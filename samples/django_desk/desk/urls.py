"""The addresses of the desk."""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "desk"
urlpatterns = [
    path("", views.page, name="page"),
    path("ask/", views.ask, name="ask"),
    path("recordings/", views.recordings, name="recordings"),
    path("new/", views.begin_anew, name="new"),
    path("turns/<int:pk>/sound.wav", views.sound, name="sound"),
]
