// The list that one came from. Links back to it lead to the same filters, order, page and place; a record has links to
// its neighbours there. Each tab of the browser remembers its own lists.

const load = (path) => { try { return JSON.parse(sessionStorage.getItem(`list:${path}`)); } catch { return null; } };
function save(path, memory) { try { sessionStorage.setItem(`list:${path}`, JSON.stringify(memory)); } catch { /* full: nothing is remembered */ } }

function describeList(root, url) {
  const neighbour = (rel) => root.querySelector(`.pager [rel="${rel}"]`)?.getAttribute('href') ?? null;
  const [, first, total] = root.querySelector('.pager-text')?.textContent.match(/^([\d,]+) to [\d,]+ of (.+)$/) ?? [, '1', ''];
  return {
    query: url.search,
    first: Number(first.replaceAll(',', '')),
    total,
    rows: [...root.querySelectorAll('table.list tr[data-href]')].map((row) => row.dataset.href),
    prev: neighbour('prev'),
    next: neighbour('next'),
  };
}

const listPath = document.querySelector('table.list') && location.pathname;
if (listPath) {
  const before = load(listPath);
  save(listPath, describeList(document, location));
  if (before?.isReturning && before.query === location.search) scrollTo(0, before.scroll ?? 0);
  addEventListener('pagehide', () => save(listPath, { ...load(listPath), scroll: scrollY }));
}

// A link to a list as such leads to the list as it was left, but for the menu, which begins anew.
function leadBack(link) {
  const memory = link.search ? null : load(link.pathname);
  if (!memory || link.pathname === listPath) return;
  link.search = memory.query;
  link.addEventListener('click', () => save(link.pathname, { ...memory, isReturning: true }));
}
document.querySelectorAll('.crumbs a, .form-foot a').forEach(leadBack);

const [, home] = location.pathname.match(/^(.*\/)(?:details|edit|operation\/[^/]+)\/$/) ?? [];
const memory = home && load(home);
if (memory && memory.query.length < 2000) { // an address has its limits
  document.querySelectorAll(`main a[href*="${home}operation/"]`).forEach((link) => {
    const url = new URL(link.href);
    url.searchParams.set('back', memory.query);
    link.href = url;
  });
}

// The neighbours of a record, on the same tab of it; at the end of a page of the list those on the next one.
const id = (address) => new URL(address, location.href).searchParams.get('id');
function buildRecordUrl(address) {
  const url = new URL(address, location.href);
  const tab = new URLSearchParams(location.search).get('tab');
  if (tab) url.searchParams.set('tab', tab);
  return url;
}
async function turnPage(event, query) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the list, in a window of its own
  event.preventDefault();
  const url = new URL(query, new URL(home, location.href));
  const response = await fetch(url).catch(() => null);
  const found = response?.ok && describeList(new DOMParser().parseFromString(await response.text(), 'text/html'), url);
  if (!found || !found.rows.length) { location.href = url; return; }
  save(home, found);
  location.href = buildRecordUrl(event.target.closest('[rel="next"]') ? found.rows[0] : found.rows.at(-1));
}
const neighbours = document.querySelector('.neighbours');
const place = memory && neighbours ? memory.rows.findIndex((row) => id(row) === id(location.href)) : -1;
if (place >= 0 && (memory.rows.length > 1 || memory.prev || memory.next)) {
  for (const [rel, step] of [['prev', -1], ['next', 1]]) {
    const link = neighbours.querySelector(`[rel="${rel}"]`);
    const row = memory.rows[place + step];
    if (row) link.href = buildRecordUrl(row);
    else if (memory[rel]) {
      link.href = new URL(memory[rel], new URL(home, location.href));
      link.addEventListener('click', (event) => turnPage(event, memory[rel]));
    }
  }
  neighbours.querySelector('span').textContent = `${(memory.first + place).toLocaleString('en')} of ${memory.total}`;
  neighbours.hidden = false;
}
