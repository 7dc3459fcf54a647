//! SVG to PNG, with a font that ships inside the program: the same picture on every machine.

use std::sync::{Arc, OnceLock};

use resvg::{tiny_skia, usvg};

use super::PlotError;

/// Pixels per SVG unit.
const SCALE: f32 = 2.0;

/// The largest picture, in pixels along one side.
const MAX_SIDE: f32 = 8192.0;

/// Renders an SVG at twice its size.
pub(crate) fn render(svg: &str) -> Result<Vec<u8>, PlotError> {
    let options =
        usvg::Options { fontdb: fonts(), font_family: "Noto Sans".to_owned(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| PlotError::Render(error.to_string()))?;
    let size = tree.size();
    let (width, height) = (size.width() * SCALE, size.height() * SCALE);
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(PlotError::Render(format!(
            "{width} × {height} pixels is more than {MAX_SIDE} along a side"
        )));
    }
    let mut pixels = tiny_skia::Pixmap::new(width.ceil() as u32, height.ceil() as u32)
        .ok_or_else(|| PlotError::Render(format!("no room for {width} × {height} pixels")))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PlotError::Render(error.to_string()))
}

/// Noto Sans, parsed once. No font of the machine is looked for: pictures would differ between machines.
fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    Arc::clone(FONTS.get_or_init(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
        fonts.load_font_data(notosans::BOLD_TTF.to_vec());
        fonts.set_sans_serif_family("Noto Sans");
        Arc::new(fonts)
    }))
}
