#!/usr/bin/env bash
# Fetches the pinned npm packages again and lays out the files kept here. Needs node and npm; run only to change a
# version: the result is committed, so that setting up Clarion never needs npm.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here/package.json" "$work/"
(cd "$work" && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error)
from="$work/node_modules"

# put PACKAGE FOLDER FILE... : the files and the package's licence, without source-map pointers to files not kept.
put() {
  local package=$1 folder=$2
  shift 2
  rm -rf "${here:?}/$folder"
  mkdir -p "$here/$folder"
  local file
  for file in "$@"; do
    cp "$from/$package/$file" "$here/$folder/"
  done
  for file in "$from/$package"/LICENSE*; do
    [ ! -e "$file" ] || cp "$file" "$here/$folder/LICENSE"
  done
  find "$here/$folder" -name '*.js' -exec sed -i '/^\/\/# sourceMappingURL=/d' {} +
  find "$here/$folder" -name '*.css' -exec sed -i 's|/\*# sourceMappingURL=[^*]*\*/||' {} +
}

put @tabler/core tabler dist/css/tabler.min.css dist/js/tabler.min.js
cp "$here/tabler.LICENSE" "$here/tabler/LICENSE" # the package brings none
put htmx.org htmx dist/htmx.min.js
put uplot uplot dist/uPlot.iife.min.js dist/uPlot.min.css
put @fontsource-variable/inter inter files/inter-latin-wght-normal.woff2 files/inter-latin-ext-wght-normal.woff2
put @tabler/icons icons

# One sprite of the icons the panel uses; `{{ icon("users") }}` in a template.
{
  printf '<svg xmlns="http://www.w3.org/2000/svg">\n'
  while read -r name; do
    [ -n "$name" ] || continue
    body=$(tr '\n' ' ' <"$from/@tabler/icons/icons/outline/$name.svg" | sed -e 's|.*<svg[^>]*>||' -e 's|</svg>.*||' -e 's|  *| |g')
    printf '<symbol id="%s" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">%s</symbol>\n' "$name" "$body"
  done <"$here/icons.txt"
  printf '</svg>\n'
} >"$here/icons/sprite.svg"
