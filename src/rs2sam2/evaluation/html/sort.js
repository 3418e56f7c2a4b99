"use strict";
// A cell sorts by the number that it begins with; empty cells stay at the end.
const valueOf = (row, column) => row.cells[column].textContent.trim();
const numberOf = (text) => Number((text.match(/^([-+]?[\d,]*\.?\d+)( to .*)?$/) || ["", "NaN"])[1].replaceAll(",", ""));
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const filled = [...body.rows].map((row) => valueOf(row, column)).filter((text) => text);
    const numeric = column > 0 && filled.length > 0 && filled.every((text) => !Number.isNaN(numberOf(text)));
    if (numeric) for (const row of table.rows) row.cells[column].classList.add("number");
    heading.firstElementChild.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort") || (numeric ? "ascending" : "descending");
      const order = before === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", order > 0 ? "ascending" : "descending");
      const rows = [...body.rows].sort((first, second) => {
        const [a, b] = [valueOf(first, column), valueOf(second, column)];
        if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
        return order * (numeric ? numberOf(a) - numberOf(b) : a.localeCompare(b, "en", { numeric: true }));
      });
      body.append(...rows);
    });
  });
}
