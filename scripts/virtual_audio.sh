#!/usr/bin/env bash
# virtual_audio.sh DIR -- a sound card without hardware: a private PulseAudio in DIR with a virtual
# speaker and a virtual microphone. It runs until its standard input ends (Ctrl-D), so that it
# never outlives whoever started it.
#
# When the card is there it prints NAME=VALUE lines, which are the environment of the programs that
# shall use it, and then "ready". The lines are in DIR/env too. By hand:
#
#   scripts/virtual_audio.sh /tmp/card               in one terminal, then in another
#   set -a; . /tmp/card/env; set +a
#   paplay --device=mic_feed question.wav            speaks into the microphone
#   parecord --device=speaker.monitor heard.wav      records what the speaker plays
set -euo pipefail

[ $# = 1 ] || {
    echo "usage: scripts/virtual_audio.sh DIR" >&2
    exit 2
}
mkdir -p "$1/run"
dir=$(cd "$1" && pwd)
chmod 700 "$dir/run" # PulseAudio refuses a folder that others may enter

cat >"$dir/asound.conf" <<'C'
pcm.!default { type pulse }
ctl.!default { type pulse }
C

# Every path is private, so that neither the user's own PulseAudio nor its settings take part.
cat >"$dir/env" <<C
XDG_RUNTIME_DIR=$dir/run
PULSE_RUNTIME_PATH=$dir/run
PULSE_STATE_PATH=$dir/run
PULSE_COOKIE=$dir/run/cookie
PULSE_SERVER=unix:$dir/run/native
PULSE_SINK=speaker
PULSE_SOURCE=mic
ALSA_CONFIG_PATH=$dir/asound.conf
C
set -a
# shellcheck source=/dev/null
. "$dir/env"
set +a

# -n: none of the system's modules, so nothing suspends the card when it is idle. norewinds: the
# null sink must not take back what it was given, or recordings lose pieces. The daemon itself must
# not see PULSE_SERVER, it would take another one for running already.
sink="rate=48000 channels=2 norewinds=1"
env -u PULSE_SERVER pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 \
    --realtime=no --high-priority=no --disable-shm=yes --log-target=stderr --log-level=warn \
    -L "module-native-protocol-unix socket=$dir/run/native auth-anonymous=1 auth-cookie-enabled=0" \
    -L "module-null-sink sink_name=speaker $sink" \
    -L "module-null-sink sink_name=mic_feed $sink" \
    -L "module-remap-source source_name=mic master=mic_feed.monitor" \
    </dev/null >"$dir/pulseaudio.log" 2>&1 &
daemon=$!

stop() {
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

tries=0
until pactl list short sources 2>/dev/null | grep -qw mic; do
    tries=$((tries + 1))
    if [ $tries = 300 ] || ! kill -0 "$daemon" 2>/dev/null; then
        echo "pulseaudio did not start:" >&2
        cat "$dir/pulseaudio.log" >&2
        exit 1
    fi
    sleep 0.1
done

cat "$dir/env"
echo ready
cat >/dev/null
