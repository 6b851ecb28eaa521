#!/bin/sh
# Make the WAV files of samples/questions, samples/agents_handoff and samples/twilio_agent from the
# questions.yaml there, with flite's voice "slt" (16 kHz, mono).
# The files are in the repository; run this after a change of a list.
# Needs flite: apt-get install -y --no-install-recommends flite
set -eu

cd "$(dirname "$0")/../samples"
command -v flite >/dev/null || {
    echo "flite is missing: apt-get install -y --no-install-recommends flite" >&2
    exit 1
}
for folder in questions agents_handoff twilio_agent; do
    rm -f "$folder"/*.wav
    grep -E '^[a-z_]+: ' "$folder/questions.yaml" | while IFS=: read -r name words; do
        flite -voice slt -t "${words# }" -o "$folder/$name.wav"
    done
    ls -l "$folder"/*.wav
done
