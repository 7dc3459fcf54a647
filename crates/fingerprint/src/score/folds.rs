//! Stratified, unshuffled folds, allotted exactly as scikit-learn's `StratifiedKFold` does.

/// Why rows cannot be split into folds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// Fewer than two folds.
    #[error("cross-validation needs at least 2 folds, but {0} was asked for")]
    TooFew(usize),
    /// No class has a row for every fold.
    #[error(
        "{folds} folds need a client with at least {folds} rows, but the largest has {largest}; use fewer folds or more rows"
    )]
    TooFewRows {
        /// Folds asked for.
        folds: usize,
        /// Rows of the largest class.
        largest: usize,
    },
}

/// The fold in which each row is tested. Rows of one class stay in order and make contiguous runs.
pub fn stratified_folds(classes: &[u8], folds: usize) -> Result<Vec<usize>, FoldError> {
    if folds < 2 {
        return Err(FoldError::TooFew(folds));
    }
    // Classes are numbered in the order in which they first appear.
    let mut numbers = [usize::MAX; 256];
    let mut sizes: Vec<usize> = Vec::new();
    let encoded: Vec<usize> = classes
        .iter()
        .map(|class| {
            let number = &mut numbers[usize::from(*class)];
            if *number == usize::MAX {
                *number = sizes.len();
                sizes.push(0);
            }
            sizes[*number] += 1;
            *number
        })
        .collect();
    let largest = sizes.iter().copied().max().unwrap_or(0);
    if largest < folds {
        return Err(FoldError::TooFewRows { folds, largest });
    }
    // Dealt out like cards from the sorted classes: which fold gets how many of a class.
    let mut allotted = vec![vec![0usize; folds]; sizes.len()];
    let sorted = sizes.iter().enumerate().flat_map(|(class, size)| std::iter::repeat_n(class, *size));
    for (position, class) in sorted.enumerate() {
        allotted[class][position % folds] += 1;
    }
    let mut current = vec![0usize; sizes.len()];
    Ok(encoded
        .into_iter()
        .map(|class| {
            while allotted[class][current[class]] == 0 {
                current[class] += 1;
            }
            allotted[class][current[class]] -= 1;
            current[class]
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_allotment() {
        // StratifiedKFold(3).split on [2,2,2,2,0,0,0,1,1]
        let classes = [2, 2, 2, 2, 0, 0, 0, 1, 1];
        assert_eq!(stratified_folds(&classes, 3), Ok(vec![0, 0, 1, 2, 0, 1, 2, 1, 2]));
    }

    #[test]
    fn refuses_what_cannot_be_split() {
        assert_eq!(stratified_folds(&[0, 1], 1), Err(FoldError::TooFew(1)));
        assert_eq!(stratified_folds(&[0, 1, 1], 3), Err(FoldError::TooFewRows { folds: 3, largest: 2 }));
        assert_eq!(stratified_folds(&[], 2), Err(FoldError::TooFewRows { folds: 2, largest: 0 }));
    }
}
