//! Two apples and three oranges: multiplication and addition layers with a forward and a backward,
//! as in chapter 5 of the first book, then the same bill as variables.

use dezero::Variable;

/// Keeps its inputs, which its backward exchanges.
#[derive(Default)]
struct MulLayer {
    x: f64,
    y: f64,
}

impl MulLayer {
    fn forward(&mut self, x: f64, y: f64) -> f64 {
        (self.x, self.y) = (x, y);
        x * y
    }

    fn backward(&self, gout: f64) -> (f64, f64) {
        (gout * self.y, gout * self.x)
    }
}

/// Hands the gradient to both sides.
struct AddLayer;

impl AddLayer {
    fn forward(&self, x: f64, y: f64) -> f64 {
        x + y
    }

    fn backward(&self, gout: f64) -> (f64, f64) {
        (gout, gout)
    }
}

/// One decimal: 1.1 is not a binary fraction, and the whole truth is 715.0000000000001.
fn report(price: f64, gradients: [(&str, f64); 5]) {
    println!("price {price:.0}");
    for (name, gradient) in gradients {
        println!("  {name:12} {gradient:5.1}");
    }
}

fn main() {
    let (apple, apples, orange, oranges, tax) = (100.0, 2.0, 150.0, 3.0, 1.1);

    println!("With layers:");
    let mut mul_apple = MulLayer::default();
    let mut mul_orange = MulLayer::default();
    let add_fruit = AddLayer;
    let mut mul_tax = MulLayer::default();

    let apple_price = mul_apple.forward(apple, apples);
    let orange_price = mul_orange.forward(orange, oranges);
    let fruit_price = add_fruit.forward(apple_price, orange_price);
    let price = mul_tax.forward(fruit_price, tax);

    let (gfruit_price, gtax) = mul_tax.backward(1.0);
    let (gapple_price, gorange_price) = add_fruit.backward(gfruit_price);
    let (gorange, goranges) = mul_orange.backward(gorange_price);
    let (gapple, gapples) = mul_apple.backward(gapple_price);
    report(
        price,
        [
            ("apple", gapple),
            ("apples", gapples),
            ("orange", gorange),
            ("oranges", goranges),
            ("tax", gtax),
        ],
    );

    println!("With variables:");
    let [apple, apples, orange, oranges, tax] =
        [apple, apples, orange, oranges, tax].map(Variable::new);
    let price = (&apple * &apples + &orange * &oranges) * &tax;
    price.backward();
    let gradient = |x: &Variable| x.grad().unwrap().item();
    report(
        price.item(),
        [
            ("apple", gradient(&apple)),
            ("apples", gradient(&apples)),
            ("orange", gradient(&orange)),
            ("oranges", gradient(&oranges)),
            ("tax", gradient(&tax)),
        ],
    );
}
