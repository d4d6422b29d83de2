// One reader goes through a blinded set: who they are, one image after another, and at the end their score.

const base = new URL('.', location.href);
const main = document.querySelector('#main');
const count = document.querySelector('#count');
const remembered = `ssldiff-reader-${location.pathname.split('/').at(-2)}`;
let reader = localStorage.getItem(remembered) ?? '';

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

async function ask(path, body) {
  const options = body ? { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {};
  const response = await fetch(new URL(path, base), options).catch(() => null);
  const answer = await response?.json().catch(() => null);
  if (!response?.ok) throw new Error(answer?.error ?? answer?.detail ?? 'The server does not answer. Try again.');
  return answer;
}

function askName(text = '') {
  count.textContent = '';
  const name = make('input', { required: true, maxLength: 60, value: reader, autocomplete: 'name' });
  main.replaceChildren(make('form', { onsubmit: (event) => {
    event.preventDefault();
    reader = name.value.trim();
    localStorage.setItem(remembered, reader);
    go();
  } }, make('h1', {}, 'Real or synthetic?'), make('p', {}, 'You see one image after another and say of each which it is. Your first answer counts. You may stop and come back under the same name.'),
  make('p', { className: 'wrong', role: 'alert' }, text), make('label', {}, 'Your name or number', name), make('button', { className: 'first' }, 'Begin')));
  name.focus();
}

async function go() {
  try {
    show(await ask(`progress?reader=${encodeURIComponent(reader)}`));
  } catch (error) {
    askName(error.message);
  }
}

function show(progress) {
  count.textContent = `${progress.of - progress.left.length} of ${progress.of} answered`;
  document.onkeydown = null;
  if (progress.score) return showScore(progress.score);
  const [name, next] = progress.left;
  if (next) new Image().src = new URL(`images/${next}.png`, base);
  const message = make('p', { className: 'wrong', role: 'alert' });
  const buttons = [['Real', false, 'R'], ['Synthetic', true, 'S']].map(([text, synthetic, key]) => make('button', { type: 'button', onclick: () => say(synthetic) }, text, make('kbd', {}, key)));
  const say = async (synthetic) => {
    for (const button of buttons) button.disabled = true;
    try {
      show(await ask('answers', { reader, name, synthetic }));
    } catch (error) {
      message.textContent = error.message;
      for (const button of buttons) button.disabled = false;
    }
  };
  document.onkeydown = (event) => {
    const synthetic = { r: false, s: true }[event.key.toLowerCase()];
    if (synthetic !== undefined && !event.ctrlKey && !event.metaKey && !buttons[0].disabled) say(synthetic);
  };
  main.replaceChildren(make('img', { src: new URL(`images/${name}.png`, base), alt: 'Real or synthetic?' }), make('div', { className: 'answers', role: 'group', ariaLabel: 'Your answer' }, ...buttons), message);
}

function showScore(score) {
  const share = (value) => (value === '' ? '–' : `${Math.round(value * 100)} %`);
  const rows = [['Right', `${score.correct} of ${score.of}`], ['Synthetic ones found', share(score.synthetic_found)], ['Real ones found', share(score.real_found)]];
  main.replaceChildren(make('div', { className: 'card', role: 'status' }, make('h1', {}, 'Thank you'), make('p', {}, 'All images are answered. Half of the answers would be right by guessing.'),
    make('dl', {}, ...rows.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]))));
}

const first = await ask('progress').catch((error) => ({ failed: error.message }));
if (first.user) {
  reader = first.user;
  show(first);
} else askName(first.failed ?? '');
