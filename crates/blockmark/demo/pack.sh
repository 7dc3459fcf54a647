#!/bin/sh
# Packs a recording into the archive that the program carries: pack.sh RECORDING ARCHIVE.tar.zst
set -eu
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -C "$1" -cf - . | zstd -19 -q -f -o "$2"
ls -l "$2"
