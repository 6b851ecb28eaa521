"""What visitors send, and what is refused."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from .uploads import TAKEN, read_recording


class QuestionForm(forms.Form):
    """A question in writing."""

    text = forms.CharField(
        max_length=settings.DESK_MAX_LETTERS,
        error_messages={
            "required": "Write a question first.",
            "max_length": "The question is too long: %(limit_value)d letters are taken.",
        },
    )
    aloud = forms.BooleanField(required=False)


class RecordingForm(forms.Form):
    """A question in a sound file; `pcm` is its sound when the form is valid."""

    pcm = b""
    recording = forms.FileField(
        error_messages={
            "required": f"Choose a recording first: {TAKEN} are taken.",
            "missing": f"Choose a recording first: {TAKEN} are taken.",
            "empty": f"The file is empty. Record it again; taken are {TAKEN}.",
        }
    )

    def clean_recording(self) -> UploadedFile[bytes]:
        """Read the sound."""
        file: UploadedFile[bytes] = self.cleaned_data["recording"]
        self.pcm = read_recording(file)
        return file


def first_error(form: forms.Form) -> str:
    """Return the sentence that tells what is wrong with a form."""
    errors = next(iter(form.errors.as_data().values()))
    return str(errors[0].messages[0])
