// Builds the page. Everything that is shown goes through text nodes: names and
// contents come from customers' tenants and are never read as markup.

// h makes an element. Props: "class", "on" (listeners), "value" and other
// properties by their attribute name; null and false leave one out.
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) el.addEventListener(event, listener);
    } else if (name === 'value') {
      el.value = value;
    } else {
      el.setAttribute(name, value === true ? '' : String(value));
    }
  }
  el.append(...flat(children));
  return el;
}

function flat(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
}

// fill replaces what an element holds.
export function fill(el, ...children) {
  el.replaceChildren(...flat(children));
  return el;
}

// bdi keeps a name from turning the text around it, whatever its script.
export function bdi(text, props) {
  return h('bdi', props, text);
}

// names splits a sentence at the names it holds, so that each can be isolated.
// Sentences come whole from the API; a right-to-left name inside one would
// otherwise reorder the words behind it.
export function sentence(text, ...names) {
  let parts = [text];
  for (const name of new Set(names.filter(Boolean))) {
    parts = parts.flatMap((part) => {
      if (typeof part !== 'string') return [part];
      return part.split(name).flatMap((piece, i) => (i === 0 ? [piece] : [bdi(name), piece]));
    });
  }
  return parts;
}

// link goes to another page of the console without loading it anew.
export function link(href, props, ...children) {
  return h('a', { href, ...props }, ...children);
}

const ICONS = {
  queued: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM8 4.5V8l2.5 2',
  running: 'M13.5 8A5.5 5.5 0 0 1 3.6 11.3M2.5 8a5.5 5.5 0 0 1 9.9-3.3M12.5 2v3h-3M3.5 14v-3h3',
  succeeded: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM5 8.2l2.1 2.1L11.2 6',
  partial: 'M8 2L1.5 13.5h13zM8 6.5v3.3M8 11.6v.1',
  failed: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6',
  canceled: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM6 6h4v4H6z',
  skipped: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM5 8h6',
  waiting: 'M4 2h8M4 14h8M5 2c0 4 6 4 6 8v4M11 2c0 4-6 4-6 8v4',
};

// icon is decoration: the word beside it says the same.
export function icon(name) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `icon ${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(ns, 'path');
  path.setAttribute('d', ICONS[name] ?? ICONS.queued);
  svg.append(path);
  return svg;
}

// announce tells people who do not see the page what happened. The text is
// cleared first: a reader is silent about a text that stays the same.
export function announce(text, urgent = false) {
  const region = document.getElementById(urgent ? 'alarm' : 'announce');
  region.textContent = '';
  setTimeout(() => {
    region.textContent = text;
  }, 50);
}

// copyButton copies a text and says so.
export function copyButton(label, text, copied) {
  const button = h('button', { type: 'button', class: 'subtle' }, label);
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = copied;
      announce(copied);
    } catch {
      // Without permission for the clipboard the text itself is what helps.
      button.replaceWith(h('code', { class: 'copy' }, text));
    }
  });
  return button;
}
