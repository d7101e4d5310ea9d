// Makes of a page of tables one to search and to unfold, and draws the plots its tables are marked for.
// Reads the page alone; sends nothing, keeps nothing.
(() => {
  'use strict';
  const PAGE = 100;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Rows that unfold: what stands in their header becomes a button.
  const foldable = (body) => {
    const head = body.rows[0].cells[0];
    if (head.firstElementChild?.className === 'fold') return;
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'fold' });
    button.setAttribute('aria-expanded', 'false');
    button.append(...head.childNodes);
    head.append(button);
  };
  all('table.unfolds:not(#break-list) > tbody').forEach(foldable);
  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('.fold');
    if (!button) return;
    const open = button.closest('tbody').classList.toggle('open');
    button.setAttribute('aria-expanded', String(open));
  });

  // An amount as a whole number of its smallest units: exact, whatever its size.
  const exact = (text) => {
    const [, sign, whole, part = ''] = /^(-?)(\d*)\.?(\d*)$/.exec(text) ?? [];
    return whole === undefined ? null : BigInt(sign + whole + part.padEnd(12, '0'));
  };

  // The list of breaks: searched, chosen, ordered, a page at a time.
  const table = document.getElementById('break-list');
  const form = document.querySelector('form.search');
  if (table && form) {
    const bodies = [...table.tBodies];
    const place = new Map(bodies.map((body, at) => [body, at]));
    const selects = all('select', form);
    const query = form.elements.query;
    const found = form.querySelector('.found');
    const pages = document.querySelector('.pages');
    const more = pages.querySelector('button');
    let texts = null;
    let order = bodies;
    let whole = false;
    const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ',');
    const textOf = (body) =>
      [body.textContent, ...all('data', body).map((data) => data.value)].join(' ').toLowerCase();

    const choose = () => {
      const sought = query.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = selects.filter((select) => select.value !== '*');
      if (sought.length > 0) texts ??= new Map(bodies.map((body) => [body, textOf(body)]));
      let shown = 0;
      for (const body of order) {
        const fits = chosen.every((select) => body.dataset[select.name] === select.value)
          && sought.every((word) => texts.get(body).includes(word));
        shown += Number(fits);
        body.classList.toggle('out', !fits);
        const isLater = fits && !whole && shown > PAGE;
        body.classList.toggle('later', isLater);
        // Of a long list only what is seen.
        if (fits && !isLater) foldable(body);
      }
      const isAll = shown === bodies.length;
      const say = isAll ? found.dataset.found : found.dataset.of;
      found.textContent = say.replace('{shown}', grouped(shown)).replace('{all}', grouped(bodies.length));
      form.classList.toggle('chosen', !isAll);
      pages.hidden = whole || shown <= PAGE;
      more.textContent = more.dataset.say.replace('{count}', grouped(shown));
    };

    let waiting = 0;
    query.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(choose, 120);
    });
    form.addEventListener('change', choose);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('reset', () => setTimeout(choose));
    more.addEventListener('click', () => {
      whole = true;
      choose();
      order.find((body, at) => at >= PAGE && !body.classList.contains('out'))?.querySelector('.fold').focus();
    });

    // Order: words as their lists have them, amounts within a currency.
    const ranks = Object.fromEntries(
      selects.map((select) => [select.name, new Map([...select.options].map((option, at) => [option.value, at]))]),
    );
    const heads = all('thead th', table);
    const keyOf = (body, column, name) => {
      if (name in ranks) return [ranks[name].get(body.dataset[name]) ?? 0];
      const value = body.rows[0].cells[column].querySelector('data')?.value;
      return [column < 7 ? ranks.currency.get(body.dataset.currency) : 0, value === undefined ? null : exact(value)];
    };
    const compare = (one, other) => {
      for (let at = 0; at < one.length; at += 1) {
        if (one[at] === other[at]) continue;
        if (one[at] === null) return 1;
        if (other[at] === null) return -1;
        return one[at] < other[at] ? -1 : 1;
      }
      return 0;
    };
    const names = ['break_type', 'state', 'severity', 'provider'];
    heads.forEach((head, column) => {
      if (!('sorts' in head.dataset)) return;
      const button = Object.assign(document.createElement('button'), { type: 'button', className: 'order' });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const falling = head.getAttribute('aria-sort') === 'ascending';
        heads.forEach((each) => each.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
        const keys = new Map(bodies.map((body) => [body, keyOf(body, column, names[column])]));
        order = [...bodies].sort((one, other) =>
          (falling ? -1 : 1) * compare(keys.get(one), keys.get(other)) || place.get(one) - place.get(other));
        table.append(...order);
        choose();
      });
    });

    // What to do first leads to its breaks.
    for (const link of all('a[data-break_type]')) {
      link.addEventListener('click', () => {
        form.reset();
        selects.forEach((select) => { if (select.name in link.dataset) select.value = link.dataset[select.name]; });
        // After the reset, which chooses again by itself.
        setTimeout(choose);
      });
    }
    form.hidden = false;
    choose();
  }

  // Plots: each of the table it names.
  const figures = all('figure.plot');
  const drawn = new Map();
  const valueOf = (cell, at = 0) => {
    const value = cell.querySelectorAll('data')[at]?.value;
    return value === undefined || value === '' ? null : Number(value);
  };
  const draw = (figure) => {
    const source = document.getElementById(figure.dataset.table);
    const rows = source ? [...source.tBodies].flatMap((body) => [...body.rows]) : [];
    if (rows.length < 2) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const columns = figure.dataset.lines.split(',').map(Number);
    const isShare = figure.dataset.unit === 'share';
    const shown = (value) => (value === null || value === undefined ? '·'
      : isShare ? `${(value * 100).toFixed(2)} %` : value.toLocaleString('en'));
    const labels = rows.map((row) => row.cells[0].textContent);
    const short = labels.map((label) => label.replace(/^\d{4}-/, ''));
    const data = [rows.map((_, at) => at)];
    const series = [{ label: source.tHead.rows[0].cells[0].textContent, value: (_, at) => labels[at] ?? '·' }];
    columns.forEach((column, at) => {
      data.push(rows.map((row) => valueOf(row.cells[column])));
      series.push({
        label: source.tHead.rows[0].cells[column].textContent,
        stroke: colour(['--one', '--two', '--three'][at % 3]),
        width: 1.75,
        dash: [[], [6, 3], [2, 3]][at % 3],
        points: { show: rows.length < 40, size: 5 },
        value: (_, value) => shown(value),
      });
    });
    const bands = [];
    if (figure.dataset.band !== undefined) {
      const column = Number(figure.dataset.band);
      for (const at of [1, 0]) {
        data.push(rows.map((row) => valueOf(row.cells[column], at)));
        series.push({ label: at ? '≤' : '≥', stroke: 'transparent', points: { show: false }, value: (_, value) => shown(value) });
      }
      bands.push({ series: [data.length - 2, data.length - 1], fill: colour('--band') });
    }
    const ranges = {
      share: (_, low, high) => [Math.max(0, low - 0.01), Math.min(1, Math.max(high + 0.01, low + 0.02))],
      count: (_, low, high) => [0, Math.max(1, high * 1.08)],
    };
    const axis = { stroke: colour('--quiet'), font: '12px system-ui, sans-serif', ticks: { stroke: colour('--rule'), size: 4 }, grid: { stroke: colour('--rule'), width: 1 } };
    drawn.get(figure)?.destroy();
    figure.hidden = false;
    const plot = new uPlot({
      width: Math.max(240, figure.clientWidth),
      height: 190,
      scales: { x: { time: false, range: (_, low, high) => [low - 0.2, high + 0.2] }, y: { range: ranges[figure.dataset.unit] } },
      axes: [
        { ...axis, grid: { show: false }, space: 52, incrs: [1, 2, 3, 4, 6, 7, 12, 14, 24], values: (_, ticks) => ticks.map((at) => short[at] ?? '') },
        { ...axis, size: isShare ? 58 : 64, space: 34, values: (_, ticks) => ticks.map((value) => (isShare ? `${+(value * 100).toFixed(1)} %` : value.toLocaleString('en'))) },
      ],
      series,
      bands,
      legend: { markers: { width: 0, fill: (self, at) => series[at].stroke ?? 'transparent' } },
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    }, data, figure);
    plot.root.setAttribute('aria-hidden', 'true');
    drawn.set(figure, plot);
  };
  const drawAll = () => figures.forEach(draw);
  drawAll();
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawAll();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);

  // On paper all is unfolded and light, and folded again after.
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    closed.forEach((details) => { details.open = true; });
    document.documentElement.classList.add('printing');
    drawAll();
  });
  addEventListener('afterprint', () => {
    closed.forEach((details) => { details.open = false; });
    document.documentElement.classList.remove('printing');
    drawAll();
  });

  // Where the reader is.
  const links = new Map(all('nav a').map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute('aria-current'));
      links.get(entry.target.id)?.setAttribute('aria-current', 'location');
    }
  }, { rootMargin: '-20% 0px -75% 0px' });
  all('main > section').forEach((section) => seen.observe(section));
})();
