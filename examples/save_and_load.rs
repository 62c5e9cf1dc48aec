//! Step 53: the weights of a model in a file, and back.

use std::env;

use dezero::data::{DataLoader, Split, spiral};
use dezero::models::Mlp;
use dezero::optimizers::Sgd;
use dezero::{Layer, Result, functions, no_grad, random};

/// Accuracy on points that were not trained with.
fn accuracy(model: &Mlp) -> f64 {
    let test = spiral(Split::Test);
    no_grad(|| functions::accuracy(model.forward(test.x()), test.t())).item()
}

fn train(model: &Mlp, epochs: usize) {
    let loader = DataLoader::new(spiral(Split::Train), 30).shuffle(true);
    let mut optimizer = Sgd::new(1.0).setup(model);
    for _ in 0..epochs {
        for (x, t) in &loader {
            let loss = functions::softmax_cross_entropy(model.forward(&x), &t);
            optimizer.clear_grads();
            loss.backward();
            optimizer.update();
        }
    }
}

fn main() -> Result<()> {
    random::seed(0);
    let model = Mlp::new([10, 3]);
    train(&model, 100);
    println!("trained: {:.3}", accuracy(&model));

    // NumPy reads the npz file: np.load("spiral.npz")["l0/W"]. The other format is the field's.
    for name in ["spiral.npz", "spiral.safetensors"] {
        let path = env::temp_dir().join(name);
        model.save_weights(&path)?;

        // A new model; nobody has told it yet how many inputs there are, but the file knows.
        let model = Mlp::new([10, 3]);
        model.load_weights(&path)?;
        println!("loaded from {name}: {:.3}", accuracy(&model));
        for (name, param) in model.named_params() {
            println!("  {name} {:?}", &param.shape()[..]);
        }

        // A file that does not fit is an error, and the model stays as it was.
        let other = Mlp::new([20, 3]);
        let error = other.load_weights(&path).expect_err("20 units are not 10");
        println!("into another model: {error}");
        std::fs::remove_file(&path).ok();
    }
    Ok(())
}
