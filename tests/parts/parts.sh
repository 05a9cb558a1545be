# The object stores that tests run against: each is installed where it is missing, started on a free port of this machine
# with an empty bucket, and ended again. To be sourced, after `install.sh`.
#
#   parts_install          installs all of them
#   parts_start FOLDER     starts all of them and exports WHARF_TESTS_MINIO and so on: http://KEY:SECRET@127.0.0.1:PORT/BUCKET
#   parts_stop             ends what was started
#
# `started_parts` holds the names of those that run, `missing_parts` of those that could not be had.

parts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
every_part=(minio versitygw ceph azurite)
started_parts=()
missing_parts=()
part_processes=()
part_folders=()

for part in "${every_part[@]}"; do
  source "$parts/$part.sh"
done

parts_install() {
  local part
  mkdir -p "$cache/bin"
  for part in "${every_part[@]}"; do
    "${part}_install" || missing_parts+=("$part")
  done
}

parts_start() { # folder
  local part
  for part in "${every_part[@]}"; do
    [[ " ${missing_parts[*]} " == *" $part "* ]] && continue
    mkdir "$1/$part"
    if "${part}_start" "$1/$part"; then
      started_parts+=("$part")
    else
      missing_parts+=("$part")
      tail -n 20 "$log/$part"* >&2
    fi
  done
}

# They hold nothing that anybody wants to keep, and some take their time to say goodbye.
parts_stop() {
  [ ${#part_processes[@]} -eq 0 ] || kill -KILL "${part_processes[@]}" 2>/dev/null || true
  [ ${#part_folders[@]} -eq 0 ] || rm -rf "${part_folders[@]}"
}

# Starts a program in the background, which ends when this shell does, however that ends.
launch() { # name, command...
  local name=$1
  shift
  setpriv --pdeathsig KILL "$@" >"$log/$name" 2>&1 </dev/null &
  part_processes+=($!)
  # The shell need not tell how it ended.
  disown
}

# Below the ports that the system gives to whoever asks for any.
free_port() {
  python3 -c '
import random, socket
while True:
    port = random.randrange(20000, 32000)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break'
}

# Waits for a server and makes a bucket in it.
make_bucket() { # s3 or azure, URL
  python3 "$parts/bucket.py" "$1" "$2"
}
