//! Pictures that examples draw with the feature `plot`.

use crate::command_line::option;

/// Saves a plot to the file after `--picture`.
#[cfg(feature = "plot")]
pub fn save(plot: &impl dezero::plots::Plot) -> dezero::Result<()> {
    let Some(path) = option("--picture") else {
        println!("for a picture, add `-- --picture FILE.svg`");
        return Ok(());
    };
    plot.save(&path)?;
    println!("{path} is drawn");
    Ok(())
}

/// Says how to get the picture.
#[cfg(not(feature = "plot"))]
pub fn tell_how() {
    let path = option("--picture").unwrap_or_else(|| String::from("FILE.svg"));
    println!("for a picture, run with `--features plot` and `-- --picture {path}`");
}
