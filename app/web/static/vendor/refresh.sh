#!/usr/bin/env bash
# Fetches the pinned npm packages again and lays out the files kept here. Needs node and npm; run only to change a
# version: the result is committed, so that setting up Clarion never needs npm.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Exactly what package-lock.json names; a version changed in package.json is locked anew first.
cp "$here/package.json" "$here/package-lock.json" "$here/codemirror.entry.js" "$work/"
npm_options=(--ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved --loglevel=error)
(cd "$work" && { npm ci "${npm_options[@]}" || npm install "${npm_options[@]}"; })
cp "$work/package-lock.json" "$here/"
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

# CodeMirror comes as many modules: one bundle of what codemirror.entry.js names, the same bytes from the same lock.
rm -rf "${here:?}/codemirror"
mkdir "$here/codemirror"
(cd "$work" && node_modules/@esbuild/*/bin/esbuild codemirror.entry.js --bundle --minify --format=iife \
  --global-name=CodeMirror --target=es2020 --legal-comments=none --log-level=warning \
  --outfile="$here/codemirror/codemirror.min.js")
cp "$from/@codemirror/view/LICENSE" "$here/codemirror/LICENSE"
for package in "$from"/@codemirror/* "$from"/@lezer/* "$from"/@marijn/* "$from"/crelt "$from"/style-mod "$from"/w3c-keyname; do
  printf '\n%s %s\n' "${package#"$from/"}" "$(node -p "require('$package/package.json').version")"
  grep -i '^copyright' "$package"/LICENSE*
done >"$here/codemirror/PACKAGES"

# For the tests alone: it looks for obstacles to assistive technology.
tests="$here/../../../../tests/browser/vendor"
mkdir -p "$tests"
cp "$from/axe-core/axe.min.js" "$from/axe-core/LICENSE" "$tests/"

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
