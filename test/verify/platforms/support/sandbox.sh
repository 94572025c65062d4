# In namespaces of its own, as their root: a fresh /dev/shm, and what the arguments name.
#   sandbox.sh [binfmt FOLDER INTERPRETER | over FILE PLACE]... -- COMMAND...
set -e
mount -t tmpfs -o size=4g,mode=1777,nosuid,nodev shareable-test /dev/shm
if [ "$SHAREABLE_TEST_RULES" = darwin ]; then
  # By these rules, records of who owns segments are files of the user. A sweep by a process with another /dev/shm would take
  # the segments of this one for removed, and drop their records: then no sweep removes what a dead owner leaves here.
  records=/tmp/shareable-registry-$(id -u)
  mkdir -p -m 700 "$records"
  mount -t tmpfs -o mode=700 tmpfs "$records"
fi
while [ "$1" != -- ]; do
  case $1 in
  binfmt)
    # The kernel runs programs for 64-bit ARM by this interpreter, which it opens now (F), here only.
    mount -t binfmt_misc none "$2"
    printf '%s' ':arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$3:F" >"$2/register"
    ;;
  over)
    mount --bind "$2" "$3"
    ;;
  esac
  shift 3
done
shift
exec "$@"
