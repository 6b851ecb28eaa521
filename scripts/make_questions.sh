#!/bin/sh
# Make samples/questions/*.wav from questions.yaml with flite's voice "slt" (16 kHz, mono).
# The files are in the repository; run this after a change of the list.
# Needs flite: apt-get install -y --no-install-recommends flite
set -eu

cd "$(dirname "$0")/../samples/questions"
command -v flite >/dev/null || {
    echo "flite is missing: apt-get install -y --no-install-recommends flite" >&2
    exit 1
}
rm -f ./*.wav
grep -E '^[a-z_]+: ' questions.yaml | while IFS=: read -r name words; do
    flite -voice slt -t "${words# }" -o "$name.wav"
done
ls -l ./*.wav
