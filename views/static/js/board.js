// The board: a card is dragged onto a stage, which opens the page of the operation that leads there. Its menu has the
// same moves. Stages that it cannot be moved to say why while it is dragged.

const columns = [...document.querySelectorAll('.board-column')];
let targets = null;

function showTargets(ownColumn) {
  for (const column of columns) {
    const target = targets[column.dataset.stage];
    column.classList.toggle('can-drop', Boolean(target?.url));
    column.classList.toggle('cannot-drop', column !== ownColumn && !target?.url);
    const reason = column.querySelector('[data-reason]');
    reason.textContent = target?.reason ?? '';
    reason.hidden = column === ownColumn || !target?.reason;
  }
}

function endDragging() {
  targets = null;
  for (const column of columns) {
    column.classList.remove('can-drop', 'cannot-drop', 'over');
    column.querySelector('[data-reason]').hidden = true;
  }
  document.querySelector('.board-card.dragged')?.classList.remove('dragged');
}

for (const card of document.querySelectorAll('.board-card')) {
  card.draggable = true;
  card.addEventListener('dragstart', (event) => {
    targets = JSON.parse(card.dataset.targets);
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', card.querySelector('a').textContent);
    card.classList.add('dragged');
    setTimeout(() => { if (targets) showTargets(card.closest('.board-column')); }); // else the picture of the card has it
  });
  card.addEventListener('dragend', endDragging);
}

for (const column of columns) {
  column.addEventListener('dragover', (event) => {
    if (!targets?.[column.dataset.stage]?.url) return;
    event.preventDefault();
    column.classList.add('over');
  });
  column.addEventListener('dragleave', (event) => { if (!column.contains(event.relatedTarget)) column.classList.remove('over'); });
  column.addEventListener('drop', (event) => {
    const url = targets?.[column.dataset.stage]?.url;
    if (!url) return;
    event.preventDefault();
    endDragging();
    location.href = url;
  });
}
