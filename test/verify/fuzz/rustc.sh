#!/bin/sh
# Cargo runs this in place of the compiler. It watches the core alone: build scripts and dependencies cannot be linked with
# the coverage flags, or are not what is looked for.
case " $* " in
  *' --crate-name shareable_core '*) exec "$@" $SHAREABLE_FUZZ_FLAGS ;;
  *) exec "$@" ;;
esac
