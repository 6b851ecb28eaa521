// The microphone, as 16-bit samples at the rate that the browser's audio has.

export class Microphone {
  // `sound(pcm, level)` is called every 20 ms once it is on, `lost()` when the device has gone.
  static async prepare({ sound, lost }) {
    const context = new AudioContext({ latencyHint: "interactive" });
    await context.audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url));
    return new Microphone(context, sound, lost);
  }

  constructor(context, sound, lost) {
    this.context = context;
    this.lost = lost;
    this.track = null;
    this.source = null;
    this.silent = false;
    this.closed = false;
    const one = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" };
    this.node = new AudioWorkletNode(context, "capture", one);
    this.node.port.onmessage = ({ data }) => sound(data.pcm, data.level);
  }

  get rate() {
    return this.context.sampleRate;
  }

  get on() {
    return this.track !== null;
  }

  get muted() {
    return this.on && this.silent;
  }

  // A muted microphone sends silence, so that the end of a sentence is still noticed. One that is
  // not on yet is muted from its first sample on.
  mute(muted) {
    this.silent = muted;
    if (this.on) this.track.enabled = !muted;
  }

  async start({ echoControl }) {
    const processed = ["echoCancellation", "noiseSuppression", "autoGainControl"];
    const audio = { channelCount: 1 };
    for (const name of processed) audio[name] = echoControl;
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    if (this.closed) {
      // The talk has ended while the user was asked, or the device woke up: nobody listens.
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    this.stop();
    [this.track] = stream.getAudioTracks();
    this.track.enabled = !this.silent;
    this.track.onended = () => {
      this.stop();
      this.lost();
    };
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.node);
  }

  stop() {
    if (this.track === null) return;
    this.source.disconnect();
    this.track.onended = null;
    this.track.stop();
    this.track = this.source = null;
  }

  get suspended() {
    return this.context.state !== "running";
  }

  resume() {
    return this.context.resume();
  }

  close() {
    this.closed = true;
    this.stop();
    this.node.port.onmessage = null;
    return this.context.close();
  }
}
