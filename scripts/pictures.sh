#!/bin/sh
# Makes the pictures of docs/pictures anew, from the example: reports as HTML in Chromium, wide and narrow, light and dark;
# Markdown with its charts drawn by Mermaid; the board as a terminal shows it; the comments of five pull requests.
#
#   npm install --prefix FOLDER mermaid      (once; Mermaid brings the Markdown renderer `marked`)
#   cargo build && scripts/pictures.sh FOLDER
#
# Needs chromium, node, and python3 with Pillow. The pictures depend on the fonts of the machine, so no
# test compares them.
set -eu

packages=$(cd "$1" && pwd)/node_modules
project=$(cd "$(dirname "$0")/.." && pwd)
tussock=${TUSSOCK:-$project/target/debug/tussock}
pictures=$project/docs/pictures
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TUSSOCK_TODAY=2026-11-20

"$tussock" demo "$work/trial" > "$work/demo.txt"

# smaller FROM TO WIDTH: the left part of a picture in 64 colours.
smaller() {
    python3 - "$@" <<'SCRIPT'
import sys
from PIL import Image
source, target, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
picture = Image.open(source).convert("RGB")
picture.crop((0, 0, width, picture.height)).quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)
SCRIPT
}

# picture NAME PAGE WIDTH HEIGHT SCHEME [KEEP]: the top of a page, and of it the left KEEP columns.
picture() {
    scheme=1
    if [ "$5" = dark ]; then scheme=0; fi
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
        --blink-settings=preferredColorScheme=$scheme --virtual-time-budget=10000 --allow-file-access-from-files \
        --user-data-dir="$work/profile" --window-size="$3,$4" --screenshot="$work/$1.png" "file://$2" \
        > "$work/chromium.log" 2>&1
    smaller "$work/$1.png" "$pictures/$1.png" "${6:-$3}"
}

# A page narrower than a window may be is shown in a frame, as a telephone would.
narrow() {
    cat > "$work/frame-$1.html" <<PAGE
<!doctype html><html style="color-scheme: light dark"><body style="margin:0">
<iframe src="file://$2" width="390" height="$3" style="border:0;display:block"></iframe></body></html>
PAGE
    picture "$1" "$work/frame-$1.html" 500 "$3" "$4" 390
}

report() {
    name=$1
    shift
    "$tussock" -C "$work/trial" report "$@" -o "$work/$name.html"
}

report overview overview
report funnel funnel --full
report waterfall waterfall --period quarter
report health health
picture overview-light "$work/overview.html" 1280 1500 light
picture overview-dark "$work/overview.html" 1280 1500 dark
narrow overview-narrow "$work/overview.html" 900 light
picture funnel-light "$work/funnel.html" 1280 1600 light
narrow funnel-narrow-dark "$work/funnel.html" 900 dark
picture waterfall-light "$work/waterfall.html" 1280 1100 light
picture health-dark "$work/health.html" 1280 1100 dark

# What a forge makes of the Markdown: a plain renderer for the text, Mermaid for the charts.
"$tussock" -C "$work/trial" report waterfall --period quarter --format md > "$work/report.md"
cat > "$work/forge.mjs" <<'SCRIPT'
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const [packages, markdown, page] = process.argv.slice(2);
const { marked } = await import(pathToFileURL(`${packages}/marked/lib/marked.esm.js`));
// What forges draw for the signs of a comment, with letters that every machine has.
const signs = {
  x: ["\u2716", "#cf222e"],
  warning: ["\u26a0", "#9a6700"],
  arrow_right: ["\u279c", "#0969da"],
  heavy_plus_sign: ["\u271a", "#1a7f37"],
  heavy_minus_sign: ["\u25ac", "#57606a"],
  pencil2: ["\u270e", "#57606a"],
};
const body = marked
  .parse(readFileSync(markdown, "utf8"))
  .replaceAll(/:(\w+):/g, (whole, name) =>
    signs[name] ? `<span style="color:${signs[name][1]}">${signs[name][0]}</span>` : whole,
  )
  .replaceAll("<blockquote>\n<p>[!WARNING]\n", '<blockquote class="warning">\n<p>')
  .replaceAll(/<pre><code class="language-mermaid">([\s\S]*?)<\/code><\/pre>/g, '<pre class="mermaid">$1</pre>');
writeFileSync(
  page,
  `<!doctype html><meta charset="utf-8"><style>
body { font: 16px/1.5 sans-serif; max-width: 56rem; margin: 2rem auto; color: #1f2328; background: #fff }
table { border-collapse: collapse } td, th { border: 1px solid #d0d7de; padding: 6px 13px }
code { background: #f3f4f6; padding: .2em .4em; border-radius: 6px; font-size: 85% }
sub { font-size: 12px; vertical-align: baseline } summary { cursor: pointer } h3 { font-size: 20px }
blockquote { margin: 0 0 1rem; padding: 0 1em; border-left: .25em solid #d0d7de }
blockquote.warning { border-color: #9a6700 }
</style>${body}<script src="file://${packages}/mermaid/dist/mermaid.min.js"></script>
<script>mermaid.initialize({ startOnLoad: true })</script>`,
);
SCRIPT
node "$work/forge.mjs" "$packages" "$work/report.md" "$work/forge.html"
picture markdown-mermaid "$work/forge.html" 1280 1250 light

# The comments of five pull requests. `review NAME HEIGHT ARGUMENTS…` takes what lies changed in the folder `pull`.
pull() {
    rm -rf "$work/pull"
    git clone -q "$work/trial" "$work/pull"
    cd "$work/pull"
    git config user.name "Olga Sokolova" && git config user.email olga@example.com
    git switch -q -c change
}
review() {
    name=$1
    height=$2
    shift 2
    git add -A && git commit -q -m "A change" --date 2026-11-20T12:00:00Z
    "$tussock" diff origin/main... --format md --exit-zero "$@" > "$work/review.md"
    cd "$project"
    node "$work/forge.mjs" "$packages" "$work/review.md" "$work/review.html"
    picture "review-$name" "$work/review.html" 1000 "$height" light
}

pull
"$tussock" move salviati-frames proposal --set inputs.budget="12 thousand" --set inputs.deadline=2027-03-01 \
    --set inputs.agreed_on=2026-11-19 --date 2026-11-20 > "$work/move.txt"
sed -i 's/^close_date: .*/close_date: 2026-12-21/' decision/umbra-film.yaml
sed -i 's/^owner: .*/owner: anna/' brief/moravia-honey.yaml
printf 'title: Sailmaker in Kiel\naccount: Segelhof\nowner: jonas\namount: 9000\nnext_step: {what: Call, due: 2026-11-27}\n' \
    > brief/segelhof-kiel.yaml
review quiet 430

errors() {
    pull
    git mv brief/vistula-yachts.yaml proposal/
    cp brief/weidmann-tax.yaml proposal/
    sed -i 's/^amount: 12500/amount: 9500/; s/^owner: .*/owner: jonas/' proposal/delft-cycles.yaml
    git rm -q brief/lark-theatre.yaml
    "$tussock" set sumava-forest amount=41000 --date 2026-11-20 > "$work/set.txt"
}
errors
review errors 640
errors
review redacted 640 --redact amounts

pull
for deal in brief/*.yaml proposal/*.yaml discussion/*.yaml decision/*.yaml; do
    sed -i 's/^close_date: .*/close_date: 2027-01-29/' "$deal"
done
sed -i 's/^amount: 10500/amount: 105000/' proposal/kornhaus-cafes.yaml
review many 960

pull
sed -i '/- id: inputs-collected/,/require:/s/require: .*/require: [inputs.goal]/; s/limit: 21d/limit: 60d/' pipeline.yaml
git mv brief/nordhaven-dock.yaml proposal/
review policy 520

# The board as text.
{
    printf '<!doctype html><meta charset="utf-8"><body style="margin:0;background:#14171b;color:#e8eaed">'
    printf '<pre style="margin:20px;font:15px/1.3 monospace">'
    COLUMNS=120 "$tussock" -C "$work/trial" board --color never | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'
} > "$work/board.html"
picture board "$work/board.html" 1280 985 light 1100

ls -l "$pictures"
