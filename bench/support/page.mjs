// The page that `npm run bench` writes: its tables as Markdown.

/** The section of a benchmark: tables that follow one another and have the same columns become one. */
export function section(name, tables) {
  const groups = [];
  for (const table of tables) {
    const columns = [...new Set(Object.values(table.rows).flatMap((row) => Object.keys(row)))];
    const last = groups.at(-1);
    if (last !== undefined && last.columns.join() === columns.join()) last.tables.push(table);
    else groups.push({ columns, tables: [table] });
  }
  return [`## \`npm run bench -- ${name}\``, ...groups.map(markdown)].join('\n\n');
}

function markdown({ columns, tables }) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['', '', ...columns]),
    line(['---', '---', ...columns.map(() => '---:')]),
    ...tables.flatMap(({ title, rows }) =>
      Object.entries(rows).map(([name, row], index) =>
        line([index === 0 ? title : '', name, ...columns.map((column) => shown(row[column]))]),
      ),
    ),
  ].join('\n');
}

const shown = (value = '') =>
  typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 4 }) : value;
