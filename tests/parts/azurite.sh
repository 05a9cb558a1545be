# Azurite: Microsoft's own stand-in for Azure's blob storage, with everything in memory.

azurite_install() {
  [ -d "$cache/azurite/node_modules/azurite" ] && return
  command -v npm >/dev/null || install_packages nodejs npm || return 1
  say "installing azurite"
  mkdir -p "$cache/azurite"
  (cd "$cache/azurite" && npm install --no-audit --no-fund --silent azurite@3.35.0)
}

azurite_start() { # folder
  local port=$(free_port) key=d2hhcmZ3aGFyZndoYXJmd2hhcmZ3aGFyZndoYXJmd2hhcmZ3aGFyZndoYXJmd2hh
  launch azurite env "AZURITE_ACCOUNTS=wharf:$key" "AZURITE=$cache/azurite/node_modules/azurite" node "$parts/azurite.js" \
    --blobHost 127.0.0.1 --blobPort "$port" --inMemoryPersistence --silent --disableTelemetry --skipApiVersionCheck
  WHARF_TESTS_AZURITE=http://wharf:$key@127.0.0.1:$port/wharf
  make_bucket azure "$WHARF_TESTS_AZURITE" && export WHARF_TESTS_AZURITE
}
