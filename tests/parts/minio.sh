# MinIO: the S3 server that most operators run. Strict signatures, conditional writes that are atomic.

minio_install() {
  install_go_program minio github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
}

minio_start() { # folder
  local port=$(free_port) data=$1/data
  # Memory where there is enough: this part is the one that large images go to.
  [ "$(df --output=avail -B1G /dev/shm 2>/dev/null | tail -n 1 || echo 0)" -ge 8 ] && data=$(mktemp -d /dev/shm/wharf-minio-XXXXXX) && part_folders+=("$data")
  launch minio env MINIO_ROOT_USER=wharfminio MINIO_ROOT_PASSWORD=wharfminio123 MINIO_CI_CD=1 MINIO_BROWSER=off \
    "$cache/bin/minio" server --quiet --address "127.0.0.1:$port" "$data"
  WHARF_TESTS_MINIO=http://wharfminio:wharfminio123@127.0.0.1:$port/wharf
  make_bucket s3 "$WHARF_TESTS_MINIO" && export WHARF_TESTS_MINIO
}
