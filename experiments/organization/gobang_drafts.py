"""What the scripted team writes: first drafts with defects, and what it writes when somebody tells it what is wrong."""

from __future__ import annotations

RULES_DRAFT = """const SIZE = 15;
let board = Array.from({length: SIZE}, () => Array(SIZE).fill(0));
let over = false;

function play(row, col, who) {
  board[row][col] = who;
  return true;
}

function winner() {
  return 0;
}
"""

RULES_FIXED = """const SIZE = 15;
let board = Array.from({length: SIZE}, () => Array(SIZE).fill(0));
let over = false;

function play(row, col, who) {
  if (over || board[row][col] !== 0) return false;
  board[row][col] = who;
  over = winner() !== 0 || board.every(line => line.every(point => point !== 0));
  return true;
}

function winner() {
  for (let row = 0; row < SIZE; row++)
    for (let col = 0; col < SIZE; col++)
      for (const [down, right] of [[0, 1], [1, 0], [1, 1], [1, -1]]) {
        const who = board[row][col];
        let count = 0;
        while (who !== 0 && count < 5 && (board[row + down * count] || [])[col + right * count] === who) count++;
        if (count === 5) return who;
      }
  return 0;
}
"""

AI = """function answer() {
  let best = null, most = -1;
  for (let row = 0; row < SIZE; row++)
    for (let col = 0; col < SIZE; col++) {
      if (board[row][col] !== 0) continue;
      let score = 0;
      for (const [down, right] of [[0, 1], [1, 0], [1, 1], [1, -1]])
        for (const who of [1, 2]) {
          let run = 0;
          for (const side of [1, -1])
            for (let step = 1; step < 5; step++) {
              if ((board[row + side * step * down] || [])[col + side * step * right] !== who) break;
              run++;
            }
          score += run * run * (who === 2 ? 3 : 2);
        }
      score -= (Math.abs(row - 7) + Math.abs(col - 7)) / 100;
      if (score > most || best === null) { most = score; best = [row, col]; }
    }
  return best;
}
"""

PAGE_DRAFT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gobang</title></head>
<body>
<h1>Gobang</h1>
<p id="status">Your move: you play black.</p>
<div id="board"></div>
<script src="game.js"></script>
<script src="ai.js"></script>
<script>
const names = ["", "black", "white"];
const show = () => {
  document.querySelectorAll("#board button").forEach(button => {
    button.className = names[board[button.dataset.row][button.dataset.col]];
  });
  const who = winner();
  if (over) document.getElementById("status").textContent = who ? names[who] + " has won." : "A draw.";
};
for (let row = 0; row < SIZE; row++) {
  for (let col = 0; col < SIZE; col++) {
    const button = document.createElement("button");
    button.dataset.row = row;
    button.dataset.col = col;
    button.setAttribute("aria-label", "row " + (row + 1) + " column " + (col + 1));
    button.addEventListener("click", () => {
      if (!play(row, col, 1)) return;
      if (!over) { const [r, c] = answer(); play(r, c, 2); }
      show();
    });
    document.getElementById("board").append(button);
  }
}
</script>
</body></html>
"""

STYLE_DRAFT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gobang</title><link rel="stylesheet" href="style.css"></head>
<body><div id="board"></div></body></html>
"""

STYLE = """body { font: 16px system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; }
#board { display: grid; grid-template-columns: repeat(15, 1fr); background: #d9a860; padding: 6px; border-radius: 6px; }
#board button { aspect-ratio: 1; border: 1px solid #a87b3c; background: none; padding: 0; cursor: pointer; }
#board .black { background: radial-gradient(circle, #111 60%, transparent 65%); }
#board .white { background: radial-gradient(circle, #fff 60%, transparent 65%); }
"""
LINKED = ("<title>Gobang</title>", '<title>Gobang</title><link rel="stylesheet" href="style.css">')
