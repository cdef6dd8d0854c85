// Boxes to tick in a panel: what is ticked stands on the button that opens it.

document.addEventListener('change', (event) => {
  const choice = event.target.closest('.multi');
  if (!choice) return;
  const chosen = choice.querySelector('[data-chosen]');
  const labels = [...choice.querySelectorAll('input:checked')].map((box) => box.parentElement.textContent.trim());
  chosen.textContent = labels.join(', ') || chosen.dataset.chosen;
});

// Empty fields would only make the address longer.
document.querySelector('form[method="get"]:has(.multi)')?.addEventListener('submit', (event) => {
  for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
});
addEventListener('pageshow', () => document.querySelectorAll('form:has(.multi) [disabled]').forEach((field) => { field.disabled = false; }));
