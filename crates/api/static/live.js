// What script adds to pages that are complete without it: new rows, ages that grow, copy buttons, keys, the wall.

const STREAM = "/api/v1/stream";
const MOST_ROWS = 50;
const MOST_LOSSES = 3;

const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

/* Ages */

const age = (seconds) => {
  if (seconds < 120) return `${seconds}\u00a0s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}\u00a0min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)}\u00a0h ago`;
  return null;
};

const growAges = () => {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time.dateTime)) / 1000));
    const text = age(seconds);
    if (text && text !== time.textContent) time.textContent = text;
  }
};

/* New rows */

const page = async (address) => {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

// Puts rows that are new on top and changed ones in place; the row that has the focus stays as it is.
const merge = (body, fresh) => {
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  let added = 0;
  for (const row of [...fresh.rows].reverse()) {
    const old = known.get(row.dataset.key);
    const adopted = document.adoptNode(row);
    if (old) {
      const same = old.querySelector(".pill")?.textContent === adopted.querySelector(".pill")?.textContent;
      if (!same && !old.contains(document.activeElement)) old.replaceWith(adopted);
    } else if (Number(adopted.dataset.slot) >= Number(body.rows[0]?.dataset.slot ?? 0)) {
      adopted.classList.add("fresh");
      body.prepend(adopted);
      added += 1;
    }
  }
  while (body.rows.length > MOST_ROWS && !body.rows[body.rows.length - 1].contains(document.activeElement)) {
    body.rows[body.rows.length - 1].remove();
  }
  return added;
};

const follow = (section) => {
  const isWall = section.dataset.live === "whole";
  const address = isWall ? location.href : section.dataset.live;
  const body = section.querySelector("[data-rows]");
  if (!isWall && !body) return;
  let stream = null;
  let losses = 0;
  let paused = false;
  let stopped = false;
  let waiting = false;
  let unsaid = 0;
  let said = 0;

  const note = element("p", "", { class: "note", hidden: "" });
  const spoken = element("p", "", { class: "unseen", "aria-live": "polite" });
  if (!isWall) section.append(note, spoken);

  const show = async () => {
    if (waiting) return;
    waiting = true;
    // Readers who all heard of the same block do not all ask at once.
    await new Promise((done) => setTimeout(done, Math.random() * 600));
    const slow = setTimeout(() => section.setAttribute("aria-busy", "true"), 300);
    try {
      const fresh = await page(address);
      if (isWall) {
        section.replaceChildren(...document.adoptNode(fresh.getElementById("content")).childNodes);
      } else {
        unsaid += merge(body, fresh.querySelector("[data-rows]"));
        const now = fresh.getElementById("now");
        if (now) document.getElementById("now")?.replaceChildren(...document.adoptNode(now).childNodes);
        if (unsaid > 0 && section.contains(document.activeElement) && Date.now() - said > 60000) {
          spoken.textContent = unsaid === 1 ? "1 new block" : `${unsaid} new blocks`;
          said = Date.now();
          unsaid = 0;
        }
      }
      growAges();
    } catch {
      // The stream tells of the next block, and then it is tried again.
    } finally {
      clearTimeout(slow);
      section.removeAttribute("aria-busy");
      waiting = false;
    }
  };

  const close = () => {
    stream?.close();
    stream = null;
  };
  const open = () => {
    if (stream || paused || stopped || document.hidden) return;
    stream = new EventSource(STREAM);
    stream.addEventListener("open", () => { losses = 0; });
    stream.addEventListener("verdict", show);
    stream.addEventListener("state", show);
    stream.addEventListener("error", () => {
      close();
      losses += 1;
      if (losses >= MOST_LOSSES) {
        stopped = true;
        note.textContent = "Live updates stopped. Reload to try again.";
        note.hidden = false;
        controls?.replaceChildren(reload);
      } else {
        setTimeout(open, 2000 * losses);
      }
    });
  };

  const controls = section.querySelector("[data-controls]");
  const reload = controls?.querySelector("a");
  const pause = element("button", "Pause", { type: "button" });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) close();
    else {
      open();
      show();
    }
  });
  controls?.replaceChildren(pause);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else if (!paused && !stopped) {
      open();
      show();
    }
  });
  if (isWall) setInterval(() => { if (!document.hidden) show(); }, 60000);
  addEventListener("pagehide", close);
  open();
};

/* Copying */

const addCopyButton = (block) => {
  const what = block.closest("dd")?.previousElementSibling?.textContent;
  const button = element("button", "Copy", { type: "button", class: "copy", ...(what && { "aria-label": `Copy ${what}` }) });
  button.addEventListener("click", async () => {
    const text = block.dataset.copy || block.textContent.trim().replace('src="/', `src="${location.origin}/`);
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(block);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.after(button);
};

/* Keys: the previous and the next block */

addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target !== document.body) return;
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = way && document.querySelector(`head link[rel="${way}"]`);
  if (link) location.assign(link.href);
});

/* The wall: the pointer goes, and the picture moves a little so that nothing burns in */

if (document.body.hasAttribute("data-wall")) {
  let rest = 0;
  const awake = () => {
    document.body.classList.remove("resting");
    clearTimeout(rest);
    rest = setTimeout(() => document.body.classList.add("resting"), 3000);
  };
  addEventListener("pointermove", awake);
  awake();
  let step = 0;
  setInterval(() => {
    step = (step + 1) % 4;
    document.body.dataset.step = String(step);
  }, 600000);
}

for (const section of document.querySelectorAll("[data-live]")) follow(section);
for (const block of document.querySelectorAll("[data-copy]")) addCopyButton(block);
setInterval(growAges, 5000);
