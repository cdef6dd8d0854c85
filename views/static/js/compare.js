// Two records side by side: choosing the one to keep chooses its values too, but for those it does not have.

document.querySelector('[data-compare] thead')?.addEventListener('change', (event) => {
  const side = event.target.value;
  for (const row of event.target.closest('table').tBodies[0].rows) {
    const option = row.querySelector(`input[value="${side}"]`);
    const isBlank = option?.parentElement.textContent.trim() === '(blank)';
    if (option && !isBlank) option.checked = true;
  }
});
