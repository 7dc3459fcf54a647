//! The definitions written down without any care for speed, to compare with.
#![allow(dead_code, unreachable_pub)]

/// Matching blocks as (start in a, start in b, length), unsorted and not joined.
pub fn blocks<T: PartialEq>(a: &[T], b: &[T]) -> Vec<(usize, usize, usize)> {
    let count = |element: &T| b.iter().filter(|other| *other == element).count();
    let popular: Vec<bool> =
        b.iter().map(|element| b.len() >= 200 && count(element) > b.len() / 100 + 1).collect();
    let mut found = Vec::new();
    search(a, b, &popular, (0, a.len()), (0, b.len()), &mut found);
    found
}

fn search<T: PartialEq>(
    a: &[T],
    b: &[T],
    popular: &[bool],
    (a_from, a_to): (usize, usize),
    (b_from, b_to): (usize, usize),
    found: &mut Vec<(usize, usize, usize)>,
) {
    let (mut i, mut j, mut len) = (a_from, b_from, 0);
    for x in a_from..a_to {
        for y in b_from..b_to {
            let mut k = 0;
            while x + k < a_to && y + k < b_to && !popular[y + k] && a[x + k] == b[y + k] {
                k += 1;
            }
            if k > len {
                (i, j, len) = (x, y, k);
            }
        }
    }
    while i > a_from && j > b_from && a[i - 1] == b[j - 1] {
        (i, j, len) = (i - 1, j - 1, len + 1);
    }
    while i + len < a_to && j + len < b_to && a[i + len] == b[j + len] {
        len += 1;
    }
    if len > 0 {
        search(a, b, popular, (a_from, i), (b_from, j), found);
        found.push((i, j, len));
        search(a, b, popular, (i + len, a_to), (j + len, b_to), found);
    }
}

/// The similarity.
pub fn ratio<T: PartialEq>(a: &[T], b: &[T]) -> f64 {
    let elements = a.len() + b.len();
    let matched: usize = blocks(a, b).iter().map(|block| block.2).sum();
    if elements == 0 { 1.0 } else { 2.0 * matched as f64 / elements as f64 }
}

/// The rank correlation of a sequence with itself sorted, 1 if it is sorted.
pub fn sorted_correlation(values: &[f64], sorted: &[f64]) -> f64 {
    if values == sorted {
        return 1.0;
    }
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    let (x, y): (Vec<f64>, Vec<f64>) = (values.iter().map(rank).collect(), sorted.iter().map(rank).collect());
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let product =
        |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum() };
    product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt()
}
