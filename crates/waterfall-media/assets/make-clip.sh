#!/bin/sh
# Makes bundled.webm, the clip that the demo streams: ten seconds of moving picture with a frame
# counter, and a tone that rises with each second. Same ffmpeg and libraries, same bytes.
set -eu
cd "$(dirname "$0")"
ffmpeg -v error -y \
  -f lavfi -i "testsrc2=size=320x180:rate=25:duration=10" \
  -f lavfi -i "aevalsrc='0.25*sin(2*PI*t*(220+55*floor(t)))*(0.6+0.4*cos(2*PI*2*t))':sample_rate=48000:duration=10" \
  -filter:v "drawtext=fontfile=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf:text='%{frame_num}':fontsize=48:fontcolor=white:box=1:boxcolor=black@0.7:boxborderw=6:x=(w-tw)/2:y=(h-th)/2" \
  -c:v libvpx -b:v 200k -maxrate 260k -bufsize 200k -g 50 -keyint_min 50 -auto-alt-ref 0 -quality good -cpu-used 0 -threads 1 \
  -c:a libopus -b:a 32k -ac 1 -application audio \
  -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 \
  -f webm bundled.webm
