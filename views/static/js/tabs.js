// Sections of a form become tabs. Without this script they are one page with a list of links on top.

document.querySelectorAll('[data-tabs]').forEach((box) => {
  const bar = box.querySelector(':scope > nav');
  const links = [...bar.querySelectorAll('a[href^="#"]')];
  const panels = links.map((link) => document.getElementById(link.hash.slice(1)));
  const form = box.closest('form');

  function showTab(index, focus, silent) {
    links.forEach((link, n) => {
      const on = n === index;
      link.setAttribute('aria-selected', String(on));
      link.tabIndex = on ? 0 : -1;
      link.parentElement.classList.toggle('active', on);
      panels[n].hidden = !on;
    });
    if (focus) links[index].focus();
    const link = links[index];
    if (link.offsetLeft < bar.scrollLeft || link.offsetLeft + link.offsetWidth > bar.scrollLeft + bar.clientWidth) bar.scrollLeft = link.offsetLeft - 24;
    if (!silent) history.replaceState(history.state, '', link.hash);
    if (!form) return;
    form.action = `${location.pathname}${location.search}${link.hash}`;
    const activeTab = form.querySelector('[data-active-tab]');
    if (activeTab) activeTab.value = panels[index].id;
  }

  box.classList.add('on');
  bar.setAttribute('role', 'tablist');
  links.forEach((link, n) => {
    link.parentElement.setAttribute('role', 'presentation');
    link.setAttribute('role', 'tab');
    link.setAttribute('aria-controls', panels[n].id);
    panels[n].setAttribute('role', 'tabpanel');
    panels[n].setAttribute('aria-labelledby', link.id);
    link.addEventListener('click', (event) => { event.preventDefault(); showTab(n); });
  });
  bar.addEventListener('keydown', (event) => {
    const here = links.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: links.length - 1 }[event.key];
    if (here < 0 || to === undefined) return;
    event.preventDefault();
    showTab((to + links.length) % links.length, true);
  });
  // A field the browser objects to is brought into view before it says so.
  if (form) form.noValidate = true;
  form?.addEventListener('submit', (event) => {
    const invalidField = event.submitter?.formNoValidate ? null : form.querySelector(':invalid:not(fieldset)');
    if (!invalidField) return;
    event.preventDefault();
    invalidField.reportValidity();
  });
  box.addEventListener('reveal', (event) => {
    const index = panels.findIndex((panel) => panel.contains(event.target));
    if (index >= 0) showTab(index);
  });
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || bar.contains(link)) return;
    const target = document.getElementById(link.hash.slice(1));
    const index = panels.findIndex((panel) => panel.contains(target));
    if (index < 0) return;
    showTab(index);
    if (target === panels[index]) { event.preventDefault(); links[index].focus(); }
  });

  const invalidIndex = panels.findIndex((panel) => panel.dataset.wrong !== undefined);
  const namedIndex = links.findIndex((link) => link.hash === location.hash);
  showTab(invalidIndex >= 0 ? invalidIndex : Math.max(namedIndex, 0), false, true);
});
