// The preview of a mail follows the form around it: [data-preview] is where it is shown, in a frame.

const WAIT = 500;

document.querySelectorAll('[data-preview]').forEach((box) => {
  const form = box.closest('form');
  const customer = box.querySelector('[name="preview_customer"]');
  const documents = box.querySelector('[data-documents]');
  let frame = box.querySelector('iframe'), number = 0, timer = 0;

  // What is typed goes to a new frame each time: so the browser's Back leads out of this page, not through previews.
  function show() {
    clearTimeout(timer);
    const old = frame;
    frame = Object.assign(old.cloneNode(), { name: `preview-${++number}`, className: 'coming' });
    frame.removeAttribute('src');
    const data = [...new FormData(form)].filter(([, value]) => typeof value === 'string');
    if (form.method === 'get') frame.src = `${box.dataset.preview}?${new URLSearchParams(data)}`;
    old.after(frame);
    frame.addEventListener('load', () => { old.remove(); frame.className = ''; box.removeAttribute('aria-busy'); });
    box.setAttribute('aria-busy', 'true');
    if (form.method === 'get') return;
    const sender = Object.assign(document.createElement('form'), { method: 'post', action: box.dataset.preview, target: frame.name, hidden: true });
    for (const [name, value] of data) sender.append(Object.assign(document.createElement('textarea'), { name, value }));
    document.body.append(sender);
    sender.submit();
    sender.remove();
  }
  const later = () => { clearTimeout(timer); timer = setTimeout(show, WAIT); };

  async function listDocuments() {
    const select = documents.querySelector('select');
    select.replaceChildren(select.options[0]);
    select.value = '';
    select.disabled = true;
    if (!customer.value) return;
    const answer = await fetch(`${documents.dataset.documents}?preview_customer=${customer.value}`).catch(() => null);
    if (!answer?.ok) return;
    const found = await answer.json();
    for (const [id, name] of found) select.append(new Option(name, id));
    select.disabled = found.length < 2;
  }

  box.addEventListener('change', (event) => {
    event.stopPropagation(); // whom a preview is for is nothing that could be left unsaved
    if (event.target === customer && documents) listDocuments();
    if (event.target === customer || event.target.name === 'preview_document') show();
  });
  box.addEventListener('input', (event) => event.stopPropagation());
  box.querySelector('[data-preview-now]').addEventListener('click', (event) => { event.preventDefault(); show(); });
  // While a placeholder is being chosen the text is not yet what it is to be.
  form.addEventListener('input', (event) => { if (['subject', 'body'].includes(event.target.name) && !event.target.hasAttribute('aria-activedescendant')) later(); });
  form.addEventListener('change', (event) => { if (event.target.name === 'purpose') show(); });
  if (customer?.value && documents) listDocuments();
  if (form.method === 'post' && (!frame.hasAttribute('src') || document.querySelector('[data-errors]'))) show();
});
