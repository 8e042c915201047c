//! The clip that comes with the crate, so that a demo needs no file.

/// Ten seconds of WebM: VP8 of 320 x 180 pixels at 25 frames/s with a key frame every 2 s, moving, with a frame counter
/// in it, and Opus. `assets/make-clip.sh` made it.
#[must_use]
pub fn bundled_clip() -> &'static [u8] {
    include_bytes!("../assets/bundled.webm")
}
