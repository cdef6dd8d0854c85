// A part of a form that opens as a dialog. Without this script it stands in the form as it is.

document.querySelectorAll('[data-dialog]').forEach((part) => {
  const dialog = document.createElement('dialog');
  const line = document.createElement('div');
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'btn', textContent: part.dataset.dialog });
  const done = Object.assign(document.createElement('button'), { type: 'button', className: 'btn btn-primary', textContent: 'Done' });
  const says = Object.assign(document.createElement('span'), { className: 'hint' });
  const foot = Object.assign(document.createElement('p'), { className: 'button-row' });

  const tell = () => { says.textContent = part.querySelector('.live li')?.textContent ?? ''; };
  line.className = 'dialog-line';
  line.append(button, says);
  foot.append(done);
  part.before(line, dialog);
  dialog.append(part, foot);
  dialog.setAttribute('aria-labelledby', part.querySelector('h3').id);
  button.setAttribute('aria-haspopup', 'dialog');
  tell();

  button.addEventListener('click', () => dialog.showModal());
  done.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => { tell(); button.focus(); });
  // Enter means "done with this", not "save everything".
  dialog.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !event.target.matches('input, select')) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  new MutationObserver(tell).observe(part, { childList: true, subtree: true });
  if (part.querySelector('.field.invalid')) line.classList.add('invalid');
});
