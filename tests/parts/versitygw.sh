# VersityGW: S3 over a folder. A second opinion with atomic conditions, which minds that `x` and `x/y` cannot both be files.

versitygw_install() {
  install_go_program versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
}

versitygw_start() { # folder
  local port=$(free_port)
  mkdir "$1/data"
  launch versitygw env ROOT_ACCESS_KEY=wharfversity ROOT_SECRET_KEY=wharfversity123 \
    "$cache/bin/versitygw" --port "127.0.0.1:$port" --quiet posix "$1/data"
  WHARF_TESTS_VERSITYGW=http://wharfversity:wharfversity123@127.0.0.1:$port/wharf
  make_bucket s3 "$WHARF_TESTS_VERSITYGW" && export WHARF_TESTS_VERSITYGW
}
