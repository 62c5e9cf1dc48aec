//! Training you can watch, stop and resume.
//!
//! Each part works in a plain `for` loop; a [`Trainer`] is such a loop over all of them. By hand:
//!
//! ```
//! use dezero::data::{DataLoader, Split, digits};
//! use dezero::functions::softmax_cross_entropy;
//! use dezero::models::Mlp;
//! use dezero::optimizers::Adam;
//! use dezero::training::metrics::{Accuracy, Metric};
//! use dezero::training::{Checkpoint, ProcessRandom, Progress, RunFolder};
//! # let folder = std::env::temp_dir().join(format!("dezero-training-{}", std::process::id()));
//!
//! let mut loader = DataLoader::new(digits(Split::Train).flatten(), 100).shuffle(true);
//! let mut model = Mlp::new([32, 10]);
//! let mut optimizer = Adam::new(0.01).setup(&model);
//! let mut accuracy = Accuracy::new();
//! let mut progress = Progress::new(2, 1437);
//! let (mut epoch, mut step) = (0_usize, 0_u64);
//!
//! let mut run = RunFolder::create(&folder)?; // or RunFolder::resume
//! let checkpoints = run.checkpoints()?;
//! if let Some(checkpoint) = checkpoints.latest()? {
//!     checkpoint.restore("model", &mut model)?;
//!     checkpoint.restore("optimizer", &mut optimizer)?;
//!     checkpoint.restore("loader", &mut loader)?;
//!     checkpoint.restore("accuracy", &mut accuracy)?;
//!     checkpoint.restore("progress", &mut progress)?;
//!     checkpoint.restore("epoch", &mut epoch)?;
//!     checkpoint.restore("step", &mut step)?;
//!     checkpoint.restore("run", &mut run)?;
//!     checkpoint.restore("random", &mut ProcessRandom)?;
//! }
//! while epoch < 2 {
//!     for (x, t) in &loader {
//!         let y = model.forward(&x);
//!         let loss = softmax_cross_entropy(&y, &t);
//!         optimizer.clear_grads();
//!         loss.backward();
//!         optimizer.update();
//!         step += 1;
//!         accuracy.update(&y.data(), &t);
//!         progress.step(t.len(), &[("loss", loss.item())]);
//!         run.log_step(epoch + 1, step, &[("loss", loss.item())])?;
//!     }
//!     let figures = [("accuracy", accuracy.value())];
//!     progress.finish_epoch(&figures);
//!     epoch += 1;
//!     run.log_epoch(epoch, step, &figures)?;
//!     accuracy.reset();
//!     checkpoints.save(
//!         &Checkpoint::new(step) // here, or anywhere after an update in the loop over the batches
//!             .with("model", &model)
//!             .with("optimizer", &optimizer)
//!             .with("loader", &loader)
//!             .with("accuracy", &accuracy)
//!             .with("progress", &progress)
//!             .with("epoch", &epoch)
//!             .with("step", &step)
//!             .with("run", &run)
//!             .with("random", &ProcessRandom),
//!     )?;
//! }
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), dezero::Error>(())
//! ```

mod checkpoint;
mod early_stopping;
mod folder_lock;
mod gradient_accumulation;
mod interrupt;
mod learning_rate_finder;
pub mod metrics;
mod page;
mod png;
mod progress;
mod report;
mod resumable;
mod run_folder;
mod sparkline;
mod tensorboard;
mod trainer;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use early_stopping::EarlyStopping;
pub use gradient_accumulation::GradientAccumulation;
pub use interrupt::Interrupt;
pub use learning_rate_finder::{LearningRateFinder, LearningRates};
pub use progress::Progress;
pub use report::Report;
pub use resumable::{ProcessRandom, Resumable, StateReader};
pub use run_folder::RunFolder;
pub use serde_json::{Value as Json, json};
pub use tensorboard::EventWriter;
pub use trainer::{Outcome, Trainer};
