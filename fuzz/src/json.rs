//! Changes of JSON that leave it JSON.

use serde_json::{Value, json};

/// Replaces, repeats or takes away one value of a JSON text; false if the bytes are none.
pub fn change(bytes: &mut Vec<u8>, seed: u32) -> bool {
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return false };
    let mut texts = Vec::new();
    collect(&value, &mut texts);
    let (mut place, choice) = ((seed >> 6) as usize % count(&value), seed as usize % 64);
    at(&mut value, &mut place, &mut |value| alter(value, choice, &texts));
    *bytes = value.to_string().into_bytes();
    true
}

/// How many values there are, inner ones included.
fn count(value: &Value) -> usize {
    1 + children(value).map(count).sum::<usize>()
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(elements) => Box::new(elements.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    if let Value::String(text) = value {
        texts.push(text.clone());
    }
    children(value).for_each(|child| collect(child, texts));
}

/// Calls `change` with the value at a place of the walk through all.
fn at(value: &mut Value, place: &mut usize, change: &mut dyn FnMut(&mut Value)) {
    if *place == 0 {
        change(value);
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|child| at(child, place, change)),
        Value::Object(fields) => fields.values_mut().for_each(|child| at(child, place, change)),
        _ => {}
    }
}

fn alter(value: &mut Value, choice: usize, texts: &[String]) {
    let numbers = [
        json!(0),
        json!(1),
        json!(2),
        json!(7),
        json!(64),
        json!(255),
        json!(1024),
        json!(1025),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(-1),
        json!(0.5),
        json!(f64::MAX),
    ];
    const WORDS: [&str; 10] =
        ["", "raw", "standardised", "automatic", "Other", "Teku", "f64", "u32", "points", "reward"];
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            let place = choice / 2 % elements.len();
            if choice.is_multiple_of(2) {
                elements.remove(place);
            } else {
                elements.insert(place, elements[place].clone());
            }
        }
        Value::String(text) => {
            let words = WORDS.iter().copied().chain(texts.iter().map(String::as_str));
            *text = words.cycle().nth(choice).unwrap_or_default().to_owned();
        }
        Value::Object(fields) if fields.len() == 1 => {
            // The method: its name is a key.
            let inner = fields.values().next().cloned().unwrap_or_default();
            let name = if choice.is_multiple_of(2) { "knn" } else { "mlp" };
            *value = json!({ name: inner });
        }
        _ => *value = numbers[choice % numbers.len()].clone(),
    }
}
