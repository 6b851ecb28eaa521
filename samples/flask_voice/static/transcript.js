// What was said, shown, called and handed over, in its order.

// What is on the button, whether it agrees, and whether it does so for this tool's calls to come.
const CHOICES = [
  ["Approve", true, false],
  ["Always approve", true, true],
  ["Reject", false, false],
];

export class Transcript {
  // `approve(callId, approved, always)` is called when the user has decided about a tool.
  constructor(list, approve) {
    this.list = list;
    this.approve = approve;
    this.agent = "";
    this.rows = new Map(); // by what they show
    this.canvases = []; // images on their way to the server, which has them in items later
  }

  replace(history) {
    this.list.replaceChildren();
    this.rows.clear();
    history.forEach((message) => this.show(message));
  }

  show(message) {
    this.showings[message.type]?.call(this, message);
  }

  get showings() {
    const { item, words, gone, tool, handoff, latency } = this;
    return { item, words, gone, tool, handoff, latency };
  }

  item({ item_id, role, after, text, images, final, interrupted }) {
    if (role === "system") return;
    const key = `item ${item_id}`;
    const known = this.rows.get(key);
    const row = known ?? this.row(key, role, role === "user" ? "You" : this.agent);
    if (known === undefined) this.place(row, this.rows.get(`item ${after}`));
    row.classList.toggle("interrupted", interrupted);
    row.setAttribute("aria-busy", String(!final)); // it is read out when it is complete
    if (known === undefined && images > 0) row.append(this.canvases.shift() ?? "an image");
    this.write(row, interrupted ? `${text} …` : text);
  }

  words({ item_id, delta }) {
    const row = this.rows.get(`item ${item_id}`);
    if (row) this.write(row, row.querySelector(".words").textContent + delta);
  }

  gone({ item_id }) {
    this.rows.get(`item ${item_id}`)?.remove();
    this.rows.delete(`item ${item_id}`);
  }

  // Behind an item, and what was called and handed over in its turn.
  place(row, item) {
    if (item === undefined) return;
    let before = item;
    while (["tool", "handoff"].includes(before.nextElementSibling?.dataset.role)) {
      before = before.nextElementSibling;
    }
    before.after(row);
  }

  latency({ first_audio_ms, first_heard_ms }) {
    const row = [...this.list.querySelectorAll('[data-role="assistant"]')].at(-1);
    const ms = first_heard_ms ?? first_audio_ms;
    if (row) part(row, "latency", "small").textContent = `heard after ${(ms / 1000).toFixed(2)} s`;
  }

  handoff({ id, from, to }) {
    const key = `handoff ${id}`;
    const row = this.rows.get(key) ?? this.row(key, "handoff", "");
    this.write(row, `${from} hands over to ${to}`);
    this.agent = to;
  }

  tool({ call_id, name, arguments: given, state, output }) {
    const key = `call ${call_id}`;
    const row = this.rows.get(key) ?? this.row(key, "tool", name);
    row.dataset.state = state;
    row.querySelector(".choice")?.remove();
    if (state === "needs_approval") row.append(this.choice(call_id, name));
    this.write(row, callLine(given, state, output));
  }

  choice(callId, name) {
    const choice = document.createElement("div");
    choice.className = "choice";
    for (const [words, approved, always] of CHOICES) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      button.setAttribute("aria-label", `${words} ${name}`);
      button.onclick = () => {
        choice.remove();
        this.approve(callId, approved, always);
      };
      choice.append(button);
    }
    return choice;
  }

  row(key, role, who) {
    const row = document.createElement("li");
    row.dataset.role = role;
    part(row, "who", "strong").textContent = who;
    part(row, "words", "span");
    this.list.append(row);
    this.rows.set(key, row);
    return row;
  }

  write(row, words) {
    row.querySelector(".words").textContent = words;
    this.follow();
  }

  // Keep the newest in sight, unless the user has scrolled up to read.
  follow() {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    if (scrollHeight - scrollTop - clientHeight < 200) this.list.scrollTop = scrollHeight;
  }
}

function part(row, name, tag) {
  const found = row.querySelector(`.${name}`);
  if (found) return found;
  const made = document.createElement(tag);
  made.className = name;
  row.append(made);
  return made;
}

function callLine(given, state, output) {
  const called = `(${argumentsIn(given)})`;
  if (state === "needs_approval") return `${called} asks for your consent`;
  if (state === "rejected") return `${called} was rejected`;
  return state === "done" ? `${called} has returned: ${output}` : `${called} …`;
}

function argumentsIn(json) {
  try {
    const pairs = Object.entries(JSON.parse(json));
    return pairs.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ");
  } catch {
    return json; // models make mistakes
  }
}
