// Files that are dropped on the page are attached as if they had been chosen by the button.

const form = document.querySelector('[data-drop]');
if (form) {
  const input = form.querySelector('input[type="file"]');
  const chosen = form.querySelector('[data-chosen]');
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  const names = () => [...input.files].map((file) => file.name);
  input.addEventListener('change', () => { chosen.textContent = names().join(', '); });
  let depth = 0; // how many elements under the pointer the files were dragged into
  const mark = (change) => { depth = Math.max(0, depth + change); form.classList.toggle('dropping', depth > 0); };
  addEventListener('dragenter', (event) => { if (hasFiles(event)) { event.preventDefault(); mark(1); } });
  addEventListener('dragleave', (event) => { if (hasFiles(event)) mark(-1); });
  addEventListener('dragover', (event) => { if (hasFiles(event)) { event.preventDefault(); event.dataTransfer.dropEffect = 'copy'; } });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    form.classList.remove('dropping');
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
    if (input.files.length) form.requestSubmit();
  });
}
