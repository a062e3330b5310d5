//! A chart of the delay over time, as SVG: median, 99th percentile and highest for each fifth of a second.

use std::fmt::Write;

use super::tally::Report;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 48.0;

/// The chart of a run; of its last step where there are several.
pub fn delay_over_time(report: &Report) -> Option<String> {
    let step = report.broken.as_ref().or(report.steps.last())?;
    let course = |share: f64| -> Vec<f64> {
        step.over_time.iter().map(|point| point.at(share).as_secs_f64() * 1e3).collect()
    };
    let lines =
        [("median", "#2a7", course(0.5)), ("99 %", "#d80", course(0.99)), ("highest", "#c33", course(1.0))];
    let title = format!(
        "{}: {} clients, {} speak in each channel; delay in ms",
        report.workload.name(),
        report.clients,
        step.speakers
    );
    Some(draw(&title, &lines))
}

/// The next of 1, 2 and 5 times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

/// Lines with a point for each fifth of a second, each with its name and colour.
pub(super) fn draw(title: &str, lines: &[(&str, &str, Vec<f64>)]) -> String {
    let mut svg = String::new();
    let scale = nice(lines.iter().flat_map(|(_, _, line)| line).copied().fold(0.1, f64::max));
    let points = lines.iter().map(|(_, _, line)| line.len()).max().unwrap_or(0);
    let seconds = points as f64 / 5.0;
    let y = |value: f64| HEIGHT - BOTTOM - (value / scale).min(1.0) * (HEIGHT - BOTTOM - TOP);
    let x = |place: f64| LEFT + place / seconds.max(0.2) * (WIDTH - LEFT - 20.0);
    // Writing to a string can't fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>"
    );
    for part in 0..=4 {
        let value = scale * f64::from(part) / 4.0;
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{value}</text>",
            WIDTH - 20.0,
            LEFT - 8.0,
            y(value) + 4.0,
            y = y(value)
        );
    }
    for part in 0..=5 {
        let at = seconds * f64::from(part) / 5.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{at:.1} s</text>",
            x(at),
            HEIGHT - 16.0
        );
    }
    for (number, (name, colour, line)) in lines.iter().enumerate() {
        let points = line
            .iter()
            .enumerate()
            .map(|(place, value)| format!("{:.1},{:.1}", x((place as f64 + 0.5) / 5.0), y(*value)));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = write!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" points=\"{points}\"/>\
             <text x=\"{}\" y=\"40\" fill=\"{colour}\">{name}</text>",
            LEFT + 90.0 * number as f64
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_a_round_number_that_fits() {
        for (value, scale) in [(0.1, 0.1), (0.3, 0.5), (7.2, 10.0), (11.0, 20.0), (100.0, 100.0)] {
            assert!((nice(value) - scale).abs() < 1e-9, "{value}");
        }
    }
}
